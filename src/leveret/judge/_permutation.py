"""The permutation null: how often names drawn at random would look as different as A and B do.

If A and B are alike, which sample is whose means nothing, and any exchange of the names gives a statistic that is as
likely as the one that was found. That holds for dependent samples, too, if what hangs together is exchanged together:

- groups with samples of one side alone (a patient, a day) change sides as wholes;
- within groups with samples of both sides (an image before and after packing) the names are exchanged.

The p-value is sequential (Besag & Clifford, "Sequential Monte Carlo p-values", Biometrika 1991): drawing stops as soon
as 20 draws reached what was found, after which p is known well enough; without a difference that is soon. Each of its
values is reached with at most that probability under the null.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from leveret.judge._halves import group_kinds

__all__ = ["ENOUGH", "permutation_p", "permuted_sides"]

ENOUGH = 20
_VALUES = 1 << 22  # names drawn at once

Sides = NDArray[np.int64]
Statistic = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


def permuted_sides(
    side: Sides, groups: NDArray[np.int64], count: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """`(count, n)`: whose each sample is in so many exchanges, true for B.

    Args:
        side: `(n,)`, 0 for A and 1 for B.
        groups: `(n,)`, numbers from 0 without a gap.
        count: exchanges.
        generator: draws.
    """
    truth = side.astype(bool)
    if groups.max(initial=-1) + 1 == len(groups):  # each a group of its own
        return generator.permuted(np.broadcast_to(truth, (count, len(truth))), axis=1)
    kinds = group_kinds(side, groups)
    drawn = np.empty((count, len(truth)), bool)
    pure = np.flatnonzero(kinds < 3)
    if len(pure):
        owners = generator.permuted(np.broadcast_to(kinds[pure] == 2, (count, len(pure))), axis=1)
        inside = np.flatnonzero(kinds[groups] < 3)
        drawn[:, inside] = owners[:, np.searchsorted(pure, groups[inside])]
    mixed = np.flatnonzero(kinds[groups] == 3)
    if len(mixed):
        mixed = mixed[np.argsort(groups[mixed], kind="stable")]
        # keys of one group lie together; within it their order is drawn
        keys = groups[mixed] + generator.random((count, len(mixed)))
        drawn[:, mixed] = truth[mixed[np.argsort(keys, axis=1)]]
    return drawn


def permutation_p(
    statistic: Statistic,
    side: Sides,
    groups: NDArray[np.int64],
    *,
    most: int,
    generator: np.random.Generator,
    enough: int = ENOUGH,
) -> float:
    """The chance that exchanged names reach what the true ones give, in (0, 1].

    Args:
        statistic: of names `(k, n)` bool, `(k,)`; larger speaks for a difference.
        side, groups: as for `permuted_sides`.
        most: draws at most; no p below 1 / (most + 1) is reached.
        generator: draws.
        enough: draws that reached it, after which drawing stops.
    """
    found = float(statistic(side.astype(bool)[None])[0])
    # equal statistics may differ in their last digits, by the order of their sums
    bar = found - 1e-9 * max(1.0, abs(found))
    reached = drawn = 0
    step = 128
    while drawn < most:
        count = max(1, min(step, most - drawn, _VALUES // max(len(side), 1)))
        hits = np.flatnonzero(statistic(permuted_sides(side, groups, count, generator)) >= bar)
        if reached + len(hits) >= enough:
            return enough / (drawn + int(hits[enough - reached - 1]) + 1)
        reached += len(hits)
        drawn += count
        step *= 2
    return (reached + 1) / (drawn + 1)
