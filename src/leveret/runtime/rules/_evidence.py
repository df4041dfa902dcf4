"""Evidence: what a rule can ask of an example, each kind one class that a file can hold.

`of(facts)` gives a truth in [0, 1] an example, and NaN where the example doesn't say: its column is empty, or it lacks
the clause. A rule that asks what an example doesn't say is silent on that example.

Of sequences the same is asked of every token: `of_tokens` gives a truth a position.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError
from leveret.runtime.rules._facts import Facts, is_missing
from leveret.runtime.rules._words import Side, Word, clause, has_phrase, words_of

__all__ = ["COMPARISONS", "Call", "Compare", "Evidence", "Group", "Is", "Known", "Matches", "Says", "Truth", "Words"]

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Truths = NDArray[np.float32]


class Evidence(ABC):
    """What all kinds have.

    Attributes:
        kind: its name in files.
        needs: "text", or "" for nothing of the kind.
    """

    kind: ClassVar[str]
    needs: ClassVar[str] = ""

    @abstractmethod
    def of(self, facts: Facts) -> Truths:
        """`(n,)` truths, NaN where there is nothing to say."""

    def of_tokens(self, facts: Facts, example: int) -> Truths:
        """`(length,)` truths of one sequence's positions; of what isn't said of tokens the same at all of them."""
        assert facts.tokens is not None
        one = Facts(1, None, [facts.tokens[example]], {k: [v[example]] for k, v in facts.columns.items()})
        return np.full(len(facts.tokens[example]), self.of(one)[0], np.float32)


class _OfText(Evidence):
    """Something of a text, or of a part of it; of sequences, of a token or its neighbour."""

    needs = "text"
    side: Side | None
    offset: int

    def of(self, facts: Facts) -> Truths:
        assert facts.texts is not None
        return np.array([self._whole(text) for text in facts.texts], np.float32)

    def of_tokens(self, facts: Facts, example: int) -> Truths:
        assert facts.tokens is not None
        tokens = facts.tokens[example]
        found = [self.holds(token, words_of(token) or [Word(token.lower(), 0, len(token))]) for token in tokens]
        moved = np.zeros(len(tokens), np.float32)
        for i in range(len(tokens)):
            if 0 <= i + self.offset < len(tokens):
                moved[i] = found[i + self.offset]
        return moved

    @abstractmethod
    def holds(self, text: str, words: Sequence[Word]) -> bool:
        """Of a text, whole or a part, and its words."""

    def _whole(self, text: str) -> bool:
        words = words_of(text)
        if self.side is None:
            return self.holds(text, words)
        part = clause(text, words, self.side)
        return part is not None and self.holds(part, words_of(part))


@dataclass(frozen=True)
class Words(_OfText):
    """Whether any of these words or phrases stands in a text."""

    kind = "words"
    phrases: tuple[str, ...]
    side: Side | None = None
    offset: int = 0

    @cached_property
    def _split(self) -> tuple[frozenset[str], list[list[str]]]:
        parts = [[word.text for word in words_of(phrase)] or [phrase.lower()] for phrase in self.phrases]
        return frozenset(part[0] for part in parts if len(part) == 1), [part for part in parts if len(part) > 1]

    def holds(self, text: str, words: Sequence[Word]) -> bool:
        single, longer = self._split
        return any(word.text in single for word in words) or any(has_phrase(words, phrase) for phrase in longer)


@dataclass(frozen=True)
class Matches(_OfText):
    """Whether a regular expression is found in a text; of tokens, whether it is the whole token."""

    kind = "matches"
    pattern: str
    side: Side | None = None
    offset: int = 0

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def holds(self, text: str, words: Sequence[Word]) -> bool:
        return self._compiled.search(text) is not None

    def of_tokens(self, facts: Facts, example: int) -> Truths:
        assert facts.tokens is not None
        tokens = facts.tokens[example]
        return np.array(
            [
                0 <= i + self.offset < len(tokens) and self._compiled.fullmatch(tokens[i + self.offset]) is not None
                for i in range(len(tokens))
            ],
            np.float32,
        )


class _OfColumn(Evidence):
    """Something of a column's value."""

    column: str

    def of(self, facts: Facts) -> Truths:
        values = facts.columns.get(self.column)
        if values is None:
            return np.full(len(facts), np.nan, np.float32)
        return np.array([np.nan if is_missing(v) else self.holds(v) for v in values], np.float32)

    @abstractmethod
    def holds(self, value: Any) -> float:
        """Of a value that is there."""


@dataclass(frozen=True)
class Compare(_OfColumn):
    """Whether a number is below or above another."""

    kind = "compare"
    column: str
    comparison: str
    number: float

    def holds(self, value: Any) -> float:
        return float(COMPARISONS[self.comparison](_number(value, self.column), self.number))


@dataclass(frozen=True)
class Is(_OfColumn):
    """Whether a value is one of these; numbers are compared as such."""

    kind = "is"
    column: str
    values: tuple[str, ...]

    @cached_property
    def _known(self) -> tuple[frozenset[str], frozenset[float]]:
        numbers = [_as_number(value) for value in self.values]
        return frozenset(self.values), frozenset(number for number in numbers if number is not None)

    def holds(self, value: Any) -> float:
        texts, numbers = self._known
        text, number = str(value).strip(), _as_number(value)
        return float(text in texts or number in numbers)


@dataclass(frozen=True)
class Known(Evidence):
    """Whether there is a value at all."""

    kind = "known"
    column: str

    def of(self, facts: Facts) -> Truths:
        values = facts.columns.get(self.column)
        if values is None:
            return np.zeros(len(facts), np.float32)
        return np.array([not is_missing(v) for v in values], np.float32)


@dataclass(frozen=True)
class Truth(_OfColumn):
    """A column's own truth in [0, 1]."""

    kind = "truth"
    column: str

    def holds(self, value: Any) -> float:
        number = _number(value, self.column)
        if not 0 <= number <= 1:
            raise LeveretDataError(f"column {self.column!r} must hold truths in [0, 1], got {number:g}")
        return number


@dataclass(frozen=True)
class Group(_OfColumn):
    """Which of these groups a column names, from 0; NaN where it names none of them."""

    kind = "group"
    column: str
    groups: tuple[str, ...]

    def holds(self, value: Any) -> float:
        name = str(value).strip()
        return self.groups.index(name) if name in self.groups else np.nan


class _Asked(Evidence):
    """What a net or a function is to give; from the facts alone there is nothing to say."""

    def of(self, facts: Facts) -> Truths:
        return np.full(len(facts), np.nan, np.float32)


@dataclass(frozen=True)
class Says(_Asked):
    """The probability that a net gives a class, of the whole example or of a clause; or whether that is high enough.

    Attributes:
        net: a name; "" for the net that the rules teach.
        place: of the class among the net's.
        side: the clause that it is asked of; None for the example as it is.
        comparison, number: what makes it a plain truth of 0 or 1; "" for the probability itself.
    """

    kind = "says"
    net: str
    place: int
    side: Side | None = None
    comparison: str = ""
    number: float = 0.0

    def clauses(self, facts: Facts) -> list[str | None]:
        """What the net is to be asked of, a text each; None where an example lacks the clause.

        Only where there is a `side`.
        """
        assert facts.texts is not None
        assert self.side is not None
        return [clause(text, words_of(text), self.side) for text in facts.texts]

    def heard(self, probabilities: Any) -> Any:
        """Truths of the net's probabilities of the class, an array or a tensor."""
        if not self.comparison:
            return probabilities
        return 1.0 * COMPARISONS[self.comparison](probabilities, self.number)


@dataclass(frozen=True)
class Call(_Asked):
    """A user's function of an example, that gives a truth; known by its name, which a file alone can't give a body.

    Attributes:
        arguments: texts and numbers that it is called with, after the example.
    """

    kind = "call"
    function: str
    arguments: tuple[str | float, ...] = ()


def _number(value: Any, column: str) -> float:
    number = _as_number(value)
    if number is None:
        raise LeveretDataError(f"column {column!r} must hold numbers for this rule, got {value!r}")
    return number


def _as_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
