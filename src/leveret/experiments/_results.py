"""Results as data: a JSON file that the experiment writes, and a page rendered from it alone."""

from __future__ import annotations

import json
import os
import platform
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leveret._files import write_json
from leveret.report.words import duration

__all__ = [
    "QUICK",
    "Figure",
    "Measuring",
    "Results",
    "figures_table",
    "machine",
    "markdown_table",
    "measuring",
    "part_heading",
    "seeds_of",
    "wrapped",
]

QUICK = (
    "**A quick run on embedded data, with one seed and tiny settings: these figures mean only that the code works.**"
)


_clock = time.perf_counter


@dataclass(frozen=True)
class Measuring:
    """What is known of a part before its figures are.

    Attributes:
        quick: whether it runs on stand-ins.
        seeds: that it takes, none where nothing is random; None where it says so itself.
        earlier: seconds that were spent on it before, in runs that were stopped.
        started: on the clock of this file.
    """

    quick: bool = False
    seeds: tuple[int, ...] | None = ()
    earlier: float = 0.0
    started: float = field(default_factory=lambda: _clock())

    @property
    def seconds(self) -> float:
        """Spent so far."""
        return self.earlier + _clock() - self.started


_NOW: ContextVar[Measuring | None] = ContextVar("measuring", default=None)


@contextmanager
def measuring(now: Measuring) -> Iterator[Measuring]:
    """A context: what is recorded in it is stamped with its seeds and time, and as quick where it is."""
    token = _NOW.set(now)
    try:
        yield now
    finally:
        _NOW.reset(token)


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
        """Add a part's figures at the top level and its details under `parts`.

        These are stamped with date and machine; within `measuring` also with `seed`, the seeds that were taken, and
        `took_seconds`; and with `quick` where the run is one, as the whole file is.
        """
        # another part may have been recorded meanwhile by a process of its own
        self.values = self._read() | figures
        stamp: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
        if (now := _NOW.get()) is not None:
            stamp |= {"took_seconds": round(now.seconds, 1), "seed": seeds_of(details, now.seeds)}
            if now.quick:
                stamp["quick"] = self.values["quick"] = True
                details = {**details, "command": f"{details['command']} --quick"}
        self.values.setdefault("parts", {})[part] = {**stamp, **details}
        write_json(self.path, self.values)

    def _read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}


def seeds_of(details: Mapping[str, Any], known: Sequence[int] | None) -> list[int] | None:
    """A part's seeds, none where nothing is random; None where they weren't recorded.

    Args:
        details: of the part, with its own account: `seed`, a number of `seeds`, or `runs` with a row for each.
        known: what is known of the part without them, if anything.
    """
    if (given := details.get("seed")) is not None:
        return [given] if isinstance(given, int) else list(given)
    if known is not None:
        return list(known)
    number, runs = details.get("seeds"), details.get("runs")
    if isinstance(number, int):
        return list(range(number))
    if isinstance(runs, list) and all("seed" in row for row in runs):
        return [row["seed"] for row in runs]
    return None


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
    """Those of the figures that were measured, beside what was asked of them; a quick run's stand alone."""
    if values.get("quick"):
        measured = [(one.what, one.form.format(values[key])) for key, one in figures.items() if key in values]
        return f"{QUICK}\n\n{markdown_table(['figure', 'quick run'], measured)}"
    rows = []
    for key, figure in figures.items():
        if key in values:
            met = "" if figure.met is None else "yes" if figure.met(values[key]) else "no"
            rows.append((figure.what, figure.form.format(values[key]), figure.asked, met))
    return markdown_table(["figure", "measured", "asked", "met"], rows)


def part_heading(part: str, details: Mapping[str, Any]) -> list[str]:
    """A part's title, and the command, date, machine and time that its figures are from; of a quick run its warning."""
    took = f" · took {duration(details['took_seconds'])}" if "took_seconds" in details else ""
    source = f"`{details['command']}` · {details['date']} · {details['machine']}{took}"
    return ["", f"## {part}", "", source, "", *([QUICK, ""] if details.get("quick") else [])]


def wrapped(text: str) -> str:
    """A paragraph in lines of up to 110 characters."""
    return textwrap.fill(text, 110)
