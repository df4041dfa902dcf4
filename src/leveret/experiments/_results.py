"""Results as data: a JSON file that the experiment writes, and a page rendered from it alone."""

from __future__ import annotations

import json
import os
import platform
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leveret._files import write_json

__all__ = ["Figure", "Results", "figures_table", "machine", "markdown_table", "part_heading", "wrapped"]


@dataclass(frozen=True)
class Figure:
    """A figure of a page.

    Attributes:
        what: it is.
        asked: of it, as a text; may be empty.
        met: whether a value is what was asked; None where nothing was.
        form: how it is printed.
    """

    what: str
    asked: str
    met: Callable[[Any], bool] | None
    form: str


class Results:
    """The content of one JSON file, written whole after every change.

    Attributes:
        path: of the file.
        values: its content; what other parts left is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = self._read()

    def record(self, part: str, figures: dict[str, Any], details: dict[str, Any]) -> None:
        """Add a part's figures at the top level and its details, stamped with date and machine, under `parts`."""
        # another part may have been recorded meanwhile by a process of its own
        self.values = self._read() | figures
        parts = self.values.setdefault("parts", {})
        parts[part] = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), **details}
        write_json(self.path, self.values)

    def _read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}


def machine() -> str:
    """CPU, cores and system, without names of hosts or users."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GitHub table; bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def figures_table(figures: Mapping[str, Figure], values: Mapping[str, Any]) -> str:
    """Those of the figures that were measured, beside what was asked of them."""
    rows = []
    for key, figure in figures.items():
        if key in values:
            met = "" if figure.met is None else "yes" if figure.met(values[key]) else "no"
            rows.append((figure.what, figure.form.format(values[key]), figure.asked, met))
    return markdown_table(["figure", "measured", "asked", "met"], rows)


def part_heading(part: str, details: Mapping[str, Any]) -> list[str]:
    """A part's title, and the command, date and machine that its figures are from."""
    return ["", f"## {part}", "", f"`{details['command']}` · {details['date']} · {details['machine']}", ""]


def wrapped(text: str) -> str:
    """A paragraph in lines of up to 110 characters."""
    return textwrap.fill(text, 110)
