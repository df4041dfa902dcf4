"""The pages of the API reference: one for each public package, with an entry for each name of its `__all__`.

A module is public if no part of its dotted path begins with `_`. A package has a page; the public modules in it are
sections of that page. What is public in two places has its entry in one, that of the shortest path, and is linked from
the other. The entries themselves are made from the docstrings, by mkdocstrings.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

__all__ = ["LEFT_OUT", "Entry", "Room", "pages", "rooms"]

LEFT_OUT = ("leveret.cli",)  # what users meet there are commands, see docs/command-line.md
SECTIONS_ONLY = ("leveret.experiments",)  # packages in these are sections of their page too: two names each


@dataclass
class Entry:
    """A public name: where it is gathered, what it is, and where its description stands."""

    module: str
    name: str
    value: Any
    home: str = ""
    page: str = ""

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def is_plain(self) -> bool:
        """A value without a docstring of its own, such as a table of methods; a type alias counts, too."""
        described = inspect.isclass(self.value) or inspect.isroutine(self.value) or inspect.ismodule(self.value)
        return not described or getattr(self.value, "__name__", self.name) != self.name

    @property
    def summary(self) -> str:
        """The first sentence of its docstring, or what kind of value it is."""
        if self.is_plain and not inspect.isroutine(self.value):
            return _kind(self.value)
        return first_sentence(inspect.getdoc(self.value) or "")


@dataclass
class Room:
    """A page: a public package, with its own names and those of the modules in it."""

    module: ModuleType
    entries: list[Entry] = field(default_factory=list)
    sections: list[tuple[ModuleType, list[Entry]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.module.__name__

    @property
    def file(self) -> str:
        return f"api/{self.name.removeprefix('leveret.') if self.name != 'leveret' else 'index'}.md"

    def all_entries(self) -> list[Entry]:
        return self.entries + [entry for _, entries in self.sections for entry in entries]


def first_sentence(text: str) -> str:
    paragraph = " ".join(text.split("\n\n")[0].split())
    end = re.search(r"\. (?=[A-Z`])", paragraph)  # an "eq. 3" or "et al., 2016" ends none
    return (paragraph[: end.start() + 1] if end else paragraph).replace("|", "\\|")


def public_modules() -> list[tuple[ModuleType, bool]]:
    """All public modules of Leveret that gather names, and whether each is a package."""
    import leveret

    found = [(leveret, True)]
    for module in pkgutil.walk_packages(leveret.__path__, "leveret."):
        parts = module.name.split(".")
        if any(part.startswith("_") for part in parts) or module.name.startswith(LEFT_OUT):
            continue
        found.append((importlib.import_module(module.name), module.ispkg))
    return found


def rooms() -> list[Room]:
    """The pages in their order, each entry with its home."""
    made: dict[str, Room] = {}
    for module, is_package in public_modules():
        name = module.__name__
        inside = next((outer for outer in SECTIONS_ONLY if name.startswith(outer + ".")), None)
        entries = [Entry(name, each, getattr(module, each)) for each in getattr(module, "__all__", ())]
        parent = inside or name.rpartition(".")[0]
        if (is_package and inside is None) or parent == "leveret":
            made[name] = Room(module, entries)
        elif entries:
            made[parent].sections.append((module, entries))
    homes: dict[tuple[int, str], tuple[str, str]] = {}
    everything = [(entry, room.file.removeprefix("api/")) for room in made.values() for entry in room.all_entries()]
    # the shortest path first, but for those that the top gathers from their rooms
    for entry, file in sorted(everything, key=lambda each: (each[0].module == "leveret", each[0].module.count("."))):
        entry.home, entry.page = homes.setdefault((id(entry.value), entry.name), (entry.path, file))
    return list(made.values())


def pages(found: list[Room] | None = None) -> dict[str, str]:
    """The Markdown of each page, by its file below docs/; of `rooms()` where none are given."""
    found = rooms() if found is None else found
    return {room.file: _page(room, found) for room in found}


def _page(room: Room, found: list[Room]) -> str:
    lines = [f"# {room.name}", ""]
    if room.name == "leveret":
        lines += [*_docstring("leveret"), *_table(room.entries), *_described(room.entries, 2)]
        lines += ["", "## Packages", "", "| | |", "|---|---|"]
        for other in found:
            if other is not room:
                what = first_sentence(inspect.getdoc(other.module) or "")
                lines.append(f"| [`{other.name}`]({other.file.removeprefix('api/')}) | {what} |")
        return "\n".join(lines) + "\n"
    lines += [*_docstring(room.name), *_table(room.entries), *_described(room.entries, 2)]
    for module, entries in room.sections:
        lines += ["", f"## {module.__name__}", "", *_docstring(module.__name__), *_table(entries)]
        lines += _described(entries, 3)
    return "\n".join(lines) + "\n"


def _docstring(module: str) -> list[str]:
    options = ["show_root_heading: false", "show_root_toc_entry: false", "members: false"]
    return [f"::: {module}", "    options:", *(f"      {option}" for option in options), ""]


def _table(entries: list[Entry]) -> list[str]:
    if not entries:
        return []
    return ["| | |", "|---|---|", *(f"| [`{e.name}`]({e.page}#{e.home}) | {e.summary} |" for e in entries), ""]


def _kind(value: Any) -> str:
    """A plain value in few words: its keys, if it has any, else itself as far as it is short."""
    if isinstance(value, dict):
        return "A dict: " + ", ".join(f"`{key}`" for key in value) + "."
    text = repr(value)
    if isinstance(value, set | frozenset):  # in an order of its own, which would be another at each build
        text = "{" + ", ".join(map(repr, sorted(value))) + "}"
    if (
        isinstance(value, str | int | float | tuple | list | frozenset | set)
        and len(text) < 300
        and " at 0x" not in text
    ):
        return f"`{text}`"
    return f"`{type(value).__name__}`" if " at 0x" in text or len(text) > 120 else f"`{text}`".replace("|", "\\|")


def _described(entries: list[Entry], level: int) -> list[str]:
    lines = []
    for entry in entries:
        if entry.home != entry.path:
            continue
        if entry.is_plain:  # the page's own line: a table of thirty methods as Python would be no description
            # an anchor of its own: underscores on both ends would make the heading's id bold
            lines += [f'<a id="{entry.path}"></a>', "", f"{'#' * level} `{entry.name}`", "", entry.summary, ""]
        else:
            lines += [f"::: {entry.path}", "    options:", f"      heading_level: {level}", ""]
    return lines
