"""What a comparison shows while its members are made: a line for each, and on a terminal a bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from leveret.report.words import duration, share, size

__all__ = ["MembersProgress"]


class MembersProgress:
    """Counts members; a context.

    Args:
        total: members in all.
        before: those that an earlier run had finished.
        shown: whether anything is.
    """

    def __init__(self, total: int, before: int, shown: bool) -> None:
        self.total = total
        self.count = self.before = before
        self.shown = shown
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._started = time.perf_counter()
        self._bar: Progress | None = None

    def __enter__(self) -> MembersProgress:
        if self.shown and self._console.is_terminal and self.count < self.total:
            columns = (TextColumn("methods"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
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
        line = f"{place}  {key:<25}{_in_words(result)}" + (f"  {left}" if left else "")
        self._console.print(line, markup=False)
        if self._bar is not None:
            self._bar.update(self._task, completed=self.count, left=left)

    def _left(self) -> str:
        """From the pace so far; members differ, so it is a guess."""
        if self.count >= self.total:
            return ""
        each = (time.perf_counter() - self._started) / (self.count - self.before)
        return f"about {duration(each * (self.total - self.count))} left"


def _in_words(result: Mapping[str, Any]) -> str:
    if result["status"] != "ok":
        return f"{result['status']}: {result['why']}"
    diverged = "  diverged, best epoch kept" if result["diverged"] else ""
    return f"{share(result['accuracy']):>9}  {size(result['bytes']):>8}  {duration(result['seconds'])}{diverged}"
