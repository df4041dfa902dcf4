"""Words and clauses of a text, as rules see them: in lower case, punctuation left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Side", "Word", "clause", "has_phrase", "words_of"]

_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


class Side(NamedTuple):
    """A part of a text: before or after the first time that a word, or phrase, stands in it."""

    which: str  # "before" or "after"
    phrase: str


class Word(NamedTuple):
    """A word in lower case, and where it stands: `text[start:stop]`."""

    text: str
    start: int
    stop: int


def words_of(text: str) -> list[Word]:
    """A text's words in order: runs of letters and digits, with hyphens and apostrophes between them."""
    return [Word(match.group().lower(), *match.span()) for match in _WORD.finditer(text)]


def has_phrase(words: Sequence[Word], phrase: Sequence[str]) -> bool:
    """Whether the phrase's words stand there one after the other."""
    return _place(words, phrase) is not None


def clause(text: str, words: Sequence[Word], side: Side) -> str | None:
    """The part of a text on one side of a phrase; None where it isn't there, or a side has no word."""
    phrase = [word.text for word in words_of(side.phrase)]
    at = _place(words, phrase)
    if at is None or at == 0 or at + len(phrase) == len(words):
        return None
    if side.which == "before":
        return text[: words[at].start].strip()
    return text[words[at + len(phrase) - 1].stop :].strip()


def _place(words: Sequence[Word], phrase: Sequence[str]) -> int | None:
    """The first place from which the phrase's words stand one after the other."""
    if not phrase:
        return None
    for i in range(len(words) - len(phrase) + 1):
        if words[i].text == phrase[0] and all(words[i + j].text == part for j, part in enumerate(phrase)):
            return i
    return None
