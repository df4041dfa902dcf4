"""`RuleError`: what is wrong in a rule file, each with its line and column."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from leveret.errors import LeveretError

__all__ = ["Place", "Problem", "RuleError", "nearest"]


class Place(NamedTuple):
    """Where something stands in a rule file, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class Problem(NamedTuple):
    """What is wrong at a place."""

    place: Place
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class RuleError(LeveretError, ValueError):
    """A rule file can't be used.

    Attributes:
        problems: all that were found, in the file's order.
    """

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{name}, {problem}" for problem in self.problems))


def nearest(name: str, known: Iterable[str], what: str, most: int = 12) -> str:
    """There is no such thing; did you mean another? Those that there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"there is no {what} {name!r}; did you mean {close[0]!r}?"
    listed = ", ".join(names[:most]) + (", …" if len(names) > most else "")
    return f"there is no {what} {name!r}; there are: {listed or 'none'}"
