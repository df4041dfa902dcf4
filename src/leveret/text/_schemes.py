"""Schemes of tags, BIO and BIOES: which tags there may be, and which may follow which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError
from leveret.text._spans import parted

__all__ = ["TagScheme", "Transitions", "allowed_transitions", "repaired", "scheme_of"]

TagScheme = Literal["BIO", "BIOES"]


class Transitions(NamedTuple):
    """What a scheme allows.

    Attributes:
        start: `(k,)` bool: tags that may begin a sentence.
        between: `(k, k)` bool: whether the tag of the column may follow that of the row.
        end: `(k,)` bool: tags that may end a sentence.
    """

    start: NDArray[np.bool_]
    between: NDArray[np.bool_]
    end: NDArray[np.bool_]


def scheme_of(tags: Iterable[str]) -> TagScheme:
    """The scheme of some tags: BIOES where one is an E or an S.

    Raises:
        LeveretDataError: a tag that is neither O nor a letter, a hyphen and a type.
    """
    letters = set()
    for tag in tags:
        letter, kind = parted(tag)
        if not (tag == "O" or (letter in ("B", "I", "E", "S") and kind)):
            raise LeveretDataError(
                f"{tag!r} is no tag: it must be O, or B-, I-, E- or S- with a type behind, such as B-person"
            )
        letters.add(letter)
    return "BIOES" if letters & {"E", "S"} else "BIO"


def _follows(before: str, after: str, scheme: TagScheme) -> bool:
    """Whether `after` may stand behind `before`; "" is the sentence's border."""
    (letter_before, kind_before), (letter, kind) = parted(before or "O"), parted(after or "O")
    goes_on = letter in "IE"
    if scheme == "BIO":
        return not goes_on or (letter_before in "BI" and kind == kind_before)
    return goes_on and kind == kind_before if letter_before in "BI" else not goes_on


def allowed_transitions(tags: Sequence[str]) -> Transitions:
    """What the scheme of these tags allows: of BIO, no I-x but behind B-x or I-x.

    Args:
        tags: in the order of a net's outputs.

    Raises:
        LeveretDataError: as of `scheme_of`.
    """
    scheme = scheme_of(tags)
    between = np.array([[_follows(a, b, scheme) for b in tags] for a in tags], bool).reshape(len(tags), len(tags))
    start = np.array([_follows("", tag, scheme) for tag in tags], bool)
    end = np.array([_follows(tag, "", scheme) for tag in tags], bool)
    return Transitions(start, between, end)


def repaired(tags: Sequence[str], scheme: TagScheme) -> tuple[list[str], int]:
    """The same spans in tags that follow the scheme, and how many tags had to change."""
    from leveret.text._spans import spans

    fixed = ["O"] * len(tags)
    for kind, start, end in spans(tags):
        letters = ["B", *"I" * (end - start - 1)]
        if scheme == "BIOES":
            letters = ["S"] if end - start == 1 else [*letters[:-1], "E"]
        fixed[start:end] = [f"{letter}-{kind}" for letter in letters]
    return fixed, sum(a != b for a, b in zip(tags, fixed, strict=True))
