"""Contradictions: examples on which hard rules leave no class, and which rules those are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._program import RuleProgram

__all__ = ["Contradiction", "contradictions"]

_BLOCK = 4096


class Contradiction(NamedTuple):
    """An example, from 0, and hard rules of which it can't obey all; without any one of them it could."""

    example: int
    rules: tuple[str, ...]


def contradictions(program: RuleProgram, evidence: NDArray[np.float32]) -> list[Contradiction]:
    """All of them, by example.

    Args:
        program: whose hard rules ask nothing of the net that they teach, so that training can't change the outcome.
        evidence: `(n, evidence)`.
    """
    if not program.hard.any() or program.tags:
        return []
    found = []
    for start, forbidden in _blocks(program, evidence):
        for row in np.flatnonzero(forbidden.any(1).all(1)):
            rules = tuple(program.rules[i].name for i in _least(forbidden[row]))
            found.append(Contradiction(start + int(row), rules))
    return found


def _blocks(program: RuleProgram, evidence: NDArray[np.float32]) -> Iterator[tuple[int, Any]]:
    for start in range(0, len(evidence), _BLOCK):
        yield start, program.forbidden(program.truths(evidence[start : start + _BLOCK]))


def _least(forbidden: NDArray[np.bool_]) -> list[int]:
    """Rules that forbid all classes together, none of which could be left out: `(rules, classes)`."""
    kept = [int(i) for i in np.flatnonzero(forbidden.any(1))]
    for rule in list(kept):
        others = [i for i in kept if i != rule]
        if others and forbidden[others].any(0).all():
            kept = others
    return kept
