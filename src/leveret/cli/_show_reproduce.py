"""What `leveret reproduce` shows: the experiments as a table, and how far a run of many is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from leveret.cli._guard import complain
from leveret.cli._show import show
from leveret.experiments import EXPERIMENTS, Outcome, sweep
from leveret.experiments._kept import Kept
from leveret.experiments._needs import missing, needed
from leveret.experiments._running import FULL_FOLDER, QUICK_FOLDER
from leveret.report.words import count, duration

__all__ = ["as_rows", "run_and_tell", "show_experiments"]


def as_rows(data: Path | None, out: Path | None) -> list[dict[str, Any]]:
    """Each experiment: what it is, needs and takes, and what is recorded of it in a folder."""
    from leveret.experiments._results import seeds_of

    kept = Kept(FULL_FOLDER if out is None else out)
    rows = []
    for name, experiment in EXPERIMENTS.items():
        recorded = kept.results(name).get("parts", {})
        needs = [key for part in experiment.parts.values() for key in part.needs]
        rows.append(
            {
                "name": name,
                "title": experiment.title,
                "paper": experiment.paper,
                "parts": list(experiment.parts),
                "needs": list(dict.fromkeys(needs)),
                "missing": list(dict.fromkeys(missing(needs, data))),
                "recorded": {
                    part: {"date": recorded[part]["date"], "seeds": seeds_of(recorded[part], known.seeds)}
                    for part, known in experiment.parts.items()
                    if part in recorded
                },
                "quick_seconds": sum(experiment.seconds(part, True) for part in experiment.parts),
                "full_seconds": sum(experiment.seconds(part, False) for part in experiment.parts),
            }
        )
    return rows


def show_experiments(data: Path | None, out: Path | None) -> None:
    """The table, and how to go on from it."""
    rows = as_rows(data, out)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("experiment", no_wrap=True)
    for column in ("paper", "parts", "needs", "recorded"):
        table.add_column(column)
    for column in ("quick", "full"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        needs = Text(needed(row["needs"]))
        if row["missing"]:
            needs.append(f" (no {needed(row['missing'])})", style="yellow")
        table.add_row(
            Text(row["name"], style="bold"),
            row["paper"],
            ", ".join(row["parts"]),
            needs,
            _recorded(row),
            f"~{_rough(row['quick_seconds'])}",
            f"~{_rough(row['full_seconds'])}",
        )
    table.add_row(
        "all",
        "",
        "",
        "",
        "",
        *(f"~{_rough(sum(row[key] for row in rows))}" for key in ("quick_seconds", "full_seconds")),
    )
    show(
        table,
        Text(""),
        Text("Times are of two quiet cores. leveret reproduce NAME [--quick] runs one; leveret reproduce --quick, or"),
        Text("--full --data FOLDER, all of them. --data also tells here what is missing."),
    )


def _recorded(row: dict[str, Any]) -> str:
    found = row["recorded"]
    if not found:
        return "–"
    seeds = [len(one["seeds"]) for one in found.values() if one["seeds"]]
    most = f", {_seeds(min(seeds), max(seeds))}" if seeds else ""
    parts = "" if len(found) == len(row["parts"]) else f"{len(found)} of {len(row['parts'])} parts, "
    return f"{parts}{max(one['date'] for one in found.values())}{most}"


def _seeds(least: int, most: int) -> str:
    return count(most, "seed", "seeds") if least == most else f"{least} to {most} seeds"


def _rough(seconds: float) -> str:
    """A time that nobody takes for exact."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def run_and_tell(
    names: Sequence[str], *, seeds: int | None, data: Path | None, out: Path | None, quick: bool, again: bool
) -> tuple[Path, int]:
    """Run them and say on stderr what goes on; gives the page to look at, and how many parts failed."""
    with _Telling(names, quick) as telling:
        found = sweep(
            names,
            seeds=seeds,
            data=data,
            out=out,
            quick=quick,
            again=again,
            begins=telling.begins,
            ends=telling.ends,
        )
    failed = [one for one in found if one.status == "failed"]
    if failed:
        complain(f"{len(failed)} of {count(len(found), 'part', 'parts')} failed:", "yellow")
        for one in failed:
            complain(f"  {one.name}, {one.part}: {one.why}", "yellow")
    folder = out if out is not None else QUICK_FOLDER if quick else FULL_FOLDER
    return folder / (f"{names[0]}.md" if len(names) == 1 else "index.md"), len(failed)


class _Telling:
    """A line for each part, with the time left; on a terminal a bar below them, where the parts are silent."""

    def __init__(self, names: Sequence[str], quick: bool) -> None:
        self.quick = quick
        self.parts = [(name, part) for name in names for part in EXPERIMENTS[name].parts] if _known(names) else []
        self.left = sum(self._guess(*one) for one in self.parts)
        self.guessed = self.spent = 0.0
        self.count = 0
        # stderr as it is now: what a part says goes elsewhere
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self.bar: Progress | None = None

    def __enter__(self) -> _Telling:
        if self.quick and self.console.is_terminal:
            columns = (BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.fields[now]}"))
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task("", total=len(self.parts), now="")
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begins(self, name: str, part: str) -> None:
        self.started = time.perf_counter()
        text = f"{name}, {part}: about {_rough(self._guess(name, part))}; {self._all()}"
        if self.bar is not None:
            self.bar.update(self.task, now=text)
        elif not self.quick:
            self._line(text)

    def ends(self, outcome: Outcome) -> None:
        self.count += 1
        guess = self._guess(outcome.name, outcome.part)
        self.left -= guess
        if outcome.status == "done":
            self.guessed += guess
            self.spent += outcome.seconds
        told = {"done": duration(outcome.seconds), "kept": "finished before", "skipped": f"skipped: {outcome.why}"}
        told["failed"] = f"failed: {outcome.why}"
        left = f"  {self._all()}" if self.left > 0 and outcome.status not in ("kept", "skipped") else ""
        self._line(f"{outcome.name}, {outcome.part}: {told[outcome.status]}{left}")
        if self.bar is not None:
            self.bar.update(self.task, completed=self.count, now="")

    def _line(self, text: str) -> None:
        place = f"{self.count:>{len(str(len(self.parts)))}}/{len(self.parts)}"
        self.console.print(f"{place}  {text}", markup=False)

    def _all(self) -> str:
        """What is left, by the usual times and this machine's pace so far."""
        pace = self.spent / self.guessed if self.guessed else 1.0
        return f"about {_rough(self.left * pace)} left"

    def _guess(self, name: str, part: str) -> float:
        return EXPERIMENTS[name].seconds(part, self.quick)


def _known(names: Sequence[str]) -> bool:
    """Else the run itself says what is wrong with them."""
    return all(name in EXPERIMENTS for name in names)
