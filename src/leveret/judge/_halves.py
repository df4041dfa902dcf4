"""Halves: which samples the observer learns from, and which it is asked about.

Both halves hold as many samples of A as of B where single samples are dealt out. Samples of one group, a patient's
images or an image and its packed twin, never stand in two halves: an observer that had seen one would know the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["group_kinds", "halves"]


def group_kinds(side: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """What each group holds, `(groups,)`: 1 only samples of A, 2 only of B, 3 of both.

    Args:
        side: `(n,)`, 0 for A and 1 for B.
        groups: `(n,)`, numbers from 0 without a gap.
    """
    of_b = np.bincount(groups, weights=side) > 0
    of_a = np.bincount(groups, weights=1 - side) > 0
    return of_a + 2 * of_b


def halves(
    side: NDArray[np.int64], groups: NDArray[np.int64], generator: np.random.Generator, share: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to learn from, and to be asked about, both ascending.

    Args:
        side, groups: as for `group_kinds`.
        generator: deals out.
        share: of the samples of each kind of group that are asked about.
    """
    kinds, sizes = group_kinds(side, groups), np.bincount(groups)
    held = np.zeros(len(sizes), bool)
    for kind in (1, 2, 3):
        members = generator.permutation(np.flatnonzero(kinds == kind))
        ends = np.cumsum(sizes[members])
        if len(members):
            # a group whose middle lies before the mark is held out
            held[members[ends - sizes[members] / 2 < share * ends[-1]]] = True
    asked = held[groups]
    return np.flatnonzero(~asked), np.flatnonzero(asked)
