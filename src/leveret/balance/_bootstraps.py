"""Balanced bootstraps: for each of several nets training samples drawn with repeats, all classes alike often."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.balance._shares import check_power, wanted_shares
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["balanced_bootstraps"]


def balanced_bootstraps(
    labels: ArrayLike, *, members: int = 8, power: float = 1.0, seed: int = 0
) -> list[NDArray[np.int64]]:
    """Places of training samples for each of several nets, as many as there are, drawn with replacement.

    A class comes about as often as `FrequencySampler` would draw it. Where `balanced_subsets` takes from the frequent
    classes, this repeats the rare ones, so that no net sees much less than the data holds; that nets differ comes from
    what each of them missed, a third of a class drawn as often as it has samples.

    Args:
        labels: `(n,)` whole numbers, classes from 0; those without a sample are not drawn.
        members: nets, at least 1.
        power: 1: classes alike often; 0: as they are, the plain bootstrap.
        seed: of the draws.

    Returns:
        For each member `n` places, ascending, some of them more than once.

    Source: Wang & Yao, "Diversity analysis on imbalanced data sets by using ensemble models", 2009, OverBagging at a
    resampling rate of 100 %. There all classes come to the most frequent one's size; here the total stays, so that a
    member costs what plain training does.

    Raises:
        LeveretUsageError: members below 1, or a power beyond [0, 1].
        LeveretDataError: labels that aren't whole numbers from 0, or none.
    """
    found = np.asarray(labels)
    if found.ndim != 1 or not len(found) or not np.issubdtype(found.dtype, np.integer) or found.min() < 0:
        raise LeveretDataError(
            f"labels must be (n,) whole numbers from 0, a class each; got {found.dtype} of shape {found.shape}"
        )
    if isinstance(members, bool) or not isinstance(members, int) or members < 1:
        raise LeveretUsageError(f"members must be a number of nets, at least 1, got {members!r}")
    check_power(power)
    counts = np.bincount(found)
    chances = (wanted_shares(counts, power) / np.maximum(counts, 1))[found]
    generator = np.random.default_rng(seed)
    return [
        np.sort(generator.choice(len(found), len(found), replace=True, p=chances / chances.sum()))
        for _ in range(members)
    ]
