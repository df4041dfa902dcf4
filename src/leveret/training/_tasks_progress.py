"""What is shown while tasks run: a line for each that is done, and on a terminal a bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from leveret.training._progress import duration

__all__ = ["TasksProgress"]


class TasksProgress:
    """Counts tasks; a context.

    Args:
        what: they are, "methods", "teachers".
        total: tasks in all.
        before: those that an earlier run had finished.
        shown: whether anything is.
        outcome: a finished task's result in words.
    """

    def __init__(
        self, what: str, total: int, before: int, shown: bool, outcome: Callable[[Mapping[str, Any]], str]
    ) -> None:
        self.what = what
        self.total = total
        self.count = self.before = before
        self.shown = shown
        self.outcome = outcome
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._started = time.perf_counter()
        self._bar: Progress | None = None

    def __enter__(self) -> TasksProgress:
        if self.shown and self._console.is_terminal and self.count < self.total:
            columns = (TextColumn(self.what), BarColumn(), TextColumn("{task.completed}/{task.total}"))
            left = TextColumn("{task.fields[left]}")
            self._bar = Progress(*columns, TimeElapsedColumn(), left, console=self._console, transient=True)
            self._task = self._bar.add_task("", total=self.total, completed=self.count, left="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def done(self, key: str, result: Mapping[str, Any]) -> None:
        """One more is done."""
        self.count += 1
        if not self.shown:
            return
        left = self._left()
        place = f"{self.count:>{len(str(self.total))}}/{self.total}"
        told = self.outcome(result) if result["status"] == "ok" else f"{result['status']}: {result['why']}"
        line = f"{place}  {key:<25}{told}" + (f"  {left}" if left else "")
        self._console.print(line, markup=False)
        if self._bar is not None:
            self._bar.update(self._task, completed=self.count, left=left)

    def _left(self) -> str:
        """From the pace so far; tasks differ, so it is a guess."""
        if self.count >= self.total:
            return ""
        each = (time.perf_counter() - self._started) / (self.count - self.before)
        return f"about {duration(each * (self.total - self.count))} left"
