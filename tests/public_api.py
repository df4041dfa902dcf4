"""The public names of every package with their signatures, as text: what tests/test_public_api.py holds them to.

    make public-api        # or: python tests/public_api.py --write

writes tests/public_api.txt anew. A change of it is a change of the interface, to be seen in a review: what is renamed
keeps its old name for a while (`leveret._deprecated`), and CHANGELOG.md tells of it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

import leveret

LISTED = Path(__file__).with_suffix(".txt")


def modules() -> Iterator[ModuleType]:
    """Every package and module whose dotted name has no part that begins with an underscore."""
    yield leveret
    yield importlib.import_module("leveret.experiments")
    for found in pkgutil.walk_packages(leveret.__path__, "leveret."):
        parts = found.name.split(".")
        # what an experiment is made of is its own affair
        if not any(part.startswith("_") for part in parts) and parts[1:2] != ["experiments"]:
            yield importlib.import_module(found.name)


def names(module: ModuleType) -> list[str]:
    return sorted(getattr(module, "__all__", ()))


@functools.cache
def _public_classes() -> frozenset[type]:
    found = (getattr(module, name) for module in modules() for name in names(module))
    return frozenset(value for value in found if inspect.isclass(value))


def members(kind: type) -> Iterator[tuple[str, Any, str]]:
    """Public methods and properties of a class: name, function, and how it is written before it.

    Those that it defines itself or has from a class of ours that isn't public; the others stand where they are defined.
    """
    found: dict[str, Any] = {}
    for base in kind.__mro__:
        if base is kind or (base.__module__.startswith("leveret.") and base not in _public_classes()):
            found = dict(vars(base)) | found
    for name, value in sorted(found.items()):
        if name.startswith("_") or name in getattr(kind, "__dataclass_fields__", ()):
            continue
        if isinstance(value, (classmethod, staticmethod)):
            yield name, value.__func__, f"{type(value).__name__} "
        elif isinstance(value, (property, functools.cached_property)):
            yield name, value.fget if isinstance(value, property) else value.func, "property "
        elif inspect.isfunction(value):
            yield name, value, ""


class _Plain(str):
    """A text that is shown without quotation marks, as annotations and some defaults are."""

    def __repr__(self) -> str:
        return str(self)


def signature(what: Any) -> str:
    """Its arguments as they are written in the code; a function's result, too."""
    try:
        found = inspect.signature(what)
    except (TypeError, ValueError):
        return ""
    shown = []
    for one in found.parameters.values():
        if not one.name.startswith("_"):
            plain = one.replace(annotation=_annotation(one.annotation), default=_default(one.default))
            shown.append(plain)
    result = inspect.Signature.empty if inspect.isclass(what) else _annotation(found.return_annotation)
    return str(found.replace(parameters=shown, return_annotation=result))


def _annotation(given: Any) -> Any:
    if given is inspect.Parameter.empty:
        return given
    return _Plain(given if isinstance(given, str) else inspect.formatannotation(given))


def _default(given: Any) -> Any:
    if isinstance(given, Path):
        return _Plain(f"Path({str(given)!r})")
    if callable(given) and hasattr(given, "__qualname__") and given is not inspect.Parameter.empty:
        return _Plain(given.__qualname__)
    return given


def lines() -> Iterator[str]:
    for module in modules():
        for name in names(module):
            value = getattr(module, name)
            full = f"{module.__name__}.{name}"
            if inspect.isclass(value):
                if value.__module__.split(".")[0] != "leveret":
                    yield f"{full}: class"
                    continue
                if (home := elsewhere(module, name, value)) is not None:
                    yield f"{full} = {home}.{name}"
                    continue
                bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
                yield f"{full}: class{f'({bases})' if bases else ''} {signature(value)}"
                for member, function, before in members(value):
                    shown = "" if before == "property " else signature(function)
                    yield f"{full}.{member}: {before}{shown}".rstrip()
            elif inspect.isfunction(value):
                home = elsewhere(module, name, value)
                yield f"{full} = {home}.{name}" if home else f"{full}: function {signature(value)}"
            elif inspect.ismodule(value):
                yield f"{full}: module"
            elif get_origin(value) is not None:
                yield f"{full}: type"
            else:
                yield f"{full}: {type(value).__name__}"


def elsewhere(module: ModuleType, name: str, value: Any) -> str | None:
    """The public package nearest to where it is defined, if that isn't this one: there it is listed in full."""
    parts = value.__module__.split(".")
    while any(part.startswith("_") for part in parts):
        parts.pop()
    home = ".".join(parts)
    if home == module.__name__ or home not in sys.modules or name not in names(sys.modules[home]):
        return None
    return home


def main() -> None:
    text = "\n".join(lines()) + "\n"
    if sys.argv[1:] == ["--write"]:
        LISTED.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
