"""Balanced subsets: the frequent classes dealt out over several subsets, each with all samples of the rare one."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning

__all__ = ["balanced_subsets"]


def balanced_subsets(
    labels: ArrayLike, *, members: int | None = None, max_members: int | None = None, rounds: int = 1, seed: int = 0
) -> list[NDArray[np.int64]]:
    """Places of training samples for each of several nets, in which the classes are about alike frequent.

    With two classes of N and M samples, N ≥ M: the N are dealt out, in random order, over about N/M disjoint subsets,
    and each is joined with all M. With more classes each is dealt out over as many parts as it has times the rarest
    one's samples, and a part goes to several members where there are fewer parts than members. So every sample is used;
    those of the most frequent class by exactly one member, those of the rarest by all. Where that makes few members,
    `rounds` deals again: more of them vote, at their price.

    Args:
        labels: `(n,)` whole numbers, classes from 0, each with at least one sample.
        members: nets; default: samples of the most frequent class over those of the rarest, rounded, at least 1. With
            fewer the subsets are larger, and have the more of the frequent classes; with more the frequent classes
            become the rare ones.
        max_members: the most that the default may come to, in one round.
        rounds: how often everything is dealt out anew; each makes so many members.
        seed: of the dealing.

    Returns:
        For each member the places of its samples, ascending.

    Source: Liu, Wu & Zhou, "Exploratory undersampling for class-imbalance learning", 2009, section III A, whose
    EasyEnsemble draws its subsets independently, so that some samples are never used; here they are dealt.

    Raises:
        LeveretUsageError: members, max_members or rounds below 1, or more members than the most frequent class has
            samples.
        LeveretDataError: labels that aren't whole numbers from 0, fewer than two classes, or one without a sample.

    Warns:
        LeveretWarning: a class has a single sample, and the default is a member for each sample of the most frequent.
    """
    found = np.asarray(labels)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer) or (len(found) and found.min() < 0):
        raise LeveretDataError(
            f"labels must be (n,) whole numbers from 0, a class each; got {found.dtype} of shape {found.shape}"
        )
    counts = np.bincount(found) if len(found) else np.zeros(0, np.int64)
    if len(counts) < 2 or (counts == 0).any():
        raise LeveretDataError(f"each of two or more classes needs a sample; the classes have {counts.tolist()}")
    for name, value in (("max_members", max_members), ("rounds", rounds)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    rarest, most = int(counts.min()), int(counts.max())
    if members is None:
        members = max(1, round(most / rarest))
        if max_members is not None:
            members = min(members, max_members)
        elif rarest == 1 and members > 1:
            warnings.warn(
                LeveretWarning(
                    f"class {int(counts.argmin())} has a single sample, so there are {members} members, of about "
                    f"{len(counts)} samples each: give max_members"
                ),
                stacklevel=2,
            )
    if not 1 <= members <= most:
        raise LeveretUsageError(f"members must be 1 to {most}, the most frequent class's samples; got {members}")
    generator = np.random.default_rng(seed)
    return [subset for _ in range(rounds) for subset in _dealt(found, counts, members, generator)]


def _dealt(
    labels: NDArray[np.integer], counts: NDArray[np.int64], members: int, generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """All classes dealt out once."""
    subsets: list[list[NDArray[np.int64]]] = [[] for _ in range(members)]
    for c, count in enumerate(counts):
        places = generator.permutation(np.flatnonzero(labels == c))
        hands = max(1, round(members * int(count) / int(counts.max())))
        dealt = np.array_split(places, hands)
        for member, parts in enumerate(subsets):
            parts.append(dealt[member * hands // members])
    return [np.sort(np.concatenate(parts)) for parts in subsets]
