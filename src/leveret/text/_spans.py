"""Spans of tokens that tags mark: B-person I-person is one person.

A tag is `O`, or a letter and a type: `B` begins a span, `I` goes on, `E` ends one, `S` is one by itself (BIO without
the last two). Tags that don't follow the scheme still mean something, as the CoNLL-2000 evaluation script and seqeval
read them: an I or E where no span of its type is open begins one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Span", "parted", "spans"]


class Span(NamedTuple):
    """An entity: its type, and the tokens from `start` to before `end`."""

    type: str
    start: int
    end: int


def parted(tag: str) -> tuple[str, str]:
    """The letter and the type of a tag; ("O", "") of one outside."""
    letter, _, kind = tag.partition("-")
    return letter, kind


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence's tags, in order.

    Example:
        >>> spans(["B-person", "I-person", "O", "I-place"])
        [Span(type='person', start=0, end=2), Span(type='place', start=3, end=4)]
    """
    found: list[Span] = []
    before, kind_before, start = "O", "", 0
    for i, tag in enumerate([*tags, "O"]):
        letter, kind = parted(tag)
        new_type = kind != kind_before
        ends = before in "ES" or (before in "BI" and (letter in "BSO" or new_type))
        if before != "O" and ends:
            found.append(Span(kind_before, start, i))
        if letter in "BS" or (letter in "IE" and (before in "OES" or new_type)):
            start = i
        before, kind_before = letter, kind
    return found
