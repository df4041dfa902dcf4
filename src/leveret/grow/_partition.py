"""Which classes stay together when a leaf branches: those that are easily confused, so that telling the groups apart
is easy and each leaf specialises in what is hard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.grow._preview import Preview

__all__ = ["Partition", "affinity_of", "partition", "random_partition"]

_FAINT = 1e-6  # joins classes that were never confused, so that none is cut off from all others
_MOST_GROUPS = 4


@dataclass(frozen=True)
class Partition:
    """Groups of classes.

    Attributes:
        groups: names of each group's classes, known ones first.
        why: in a sentence.
        within: share of all confusion between known classes that falls inside the groups, 0..1.
    """

    groups: tuple[tuple[str, ...], ...]
    why: str
    within: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"groups": [list(group) for group in self.groups], "why": self.why, "within": self.within}


def affinity_of(confusion: ArrayLike) -> NDArray[np.float64]:
    """The symmetrised confusion matrix, (C + Cᵀ) / 2 of rows that sum to 1, without its diagonal.

    Args:
        confusion: `(classes, classes)`, counts or mean confidences; rows are true classes.

    Raises:
        LeveretUsageError: not square, negative, or not finite.
    """
    found = np.asarray(confusion, np.float64)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not (np.isfinite(found) & (found >= 0)).all():
        raise LeveretUsageError(f"a confusion matrix must be square, of numbers from 0 on; got shape {found.shape}")
    shares = found / np.maximum(found.sum(1, keepdims=True), 1e-300)
    mutual = (shares + shares.T) / 2
    np.fill_diagonal(mutual, 0)
    return mutual


def partition(
    known: Sequence[str],
    confusion: ArrayLike,
    preview: Preview | None = None,
    groups: int | Literal["auto"] = "auto",
    *,
    seed: int = 0,
) -> Partition:
    """Groups of confusable classes: spectral clustering of the symmetrised confusion matrix.

    A new class joins the group that it activates most, by the sum of its mean activations of the group's classes.

    Args:
        known: names of at least two classes.
        confusion: `(known, known)`, rows are true classes.
        preview: of new classes, over the known ones.
        groups: how many, from 2 to the known classes; "auto" takes the largest gap between neighbouring eigenvalues of
            the normalised Laplacian, for 2 to 4 groups (von Luxburg, "A tutorial on spectral clustering", 2007,
            section 8.3).
        seed: of the clustering.

    Source: Xiao et al., ACM MM 2014, section 3.

    Raises:
        LeveretUsageError: a matrix of another size, or a number of groups out of range.
    """
    affinity = affinity_of(confusion)
    if len(affinity) != len(known) or len(known) < 2:
        raise LeveretUsageError(f"the confusion matrix is of {len(affinity)} classes, named are {len(known)}")
    number, reason = _number(affinity, groups)
    labels = _clusters(affinity, number, seed)
    # in the order in which their first classes are named
    order = list(dict.fromkeys(labels.tolist()))
    found = [[name for name, label in zip(known, labels, strict=True) if label == group] for group in order]
    joins = []
    if preview is not None and len(preview.new):
        sums = preview.over(found)
        for name, row in zip(preview.new, sums, strict=True):
            best = int(row.argmax())
            joins.append(f"{name} joins {found[best][0]}'s group with {100 * row[best]:.0f} % of its activation")
            found[best] = [*found[best], name]
    inside = labels[:, None] == labels[None, :]
    total = affinity.sum()
    within = float(affinity[inside].sum() / total) if total else 1.0
    why = f"{reason}; {100 * within:.0f} % of the confusion between known classes stays inside the groups"
    return Partition(tuple(map(tuple, found)), "; ".join([why, *joins]), within)


def random_partition(names: Sequence[str], groups: int, *, seed: int = 0) -> Partition:
    """Groups of about the same size by chance, against which the error-driven ones are held.

    Raises:
        LeveretUsageError: fewer than two groups, or more than classes.
    """
    if not 2 <= groups <= len(names):
        raise LeveretUsageError(f"groups must be from 2 to the {len(names)} classes, got {groups}")
    order = np.random.default_rng(seed).permutation(len(names))
    shares = [sorted(part.tolist()) for part in np.array_split(order, groups)]
    return Partition(tuple(tuple(names[i] for i in part) for part in sorted(shares)), "drawn at random", 0.0)


def _number(affinity: NDArray[np.float64], groups: int | Literal["auto"]) -> tuple[int, str]:
    classes = len(affinity)
    if groups == "auto":
        most = min(_MOST_GROUPS, classes // 2)
        if most <= 2:
            return 2, "two groups"
        values = _eigenvalues(affinity)
        gaps = values[2 : most + 1] - values[1:most]
        number = 2 + int(gaps.argmax())
        return number, f"{number} groups, after which the eigenvalues of the confusions have their largest gap"
    if isinstance(groups, bool) or not isinstance(groups, int) or not 2 <= groups <= classes:
        raise LeveretUsageError(f"groups must be auto, or from 2 to the {classes} known classes; got {groups!r}")
    return groups, f"{groups} groups, as asked"


def _eigenvalues(affinity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the normalised Laplacian, ascending."""
    joined = affinity + _FAINT
    np.fill_diagonal(joined, 0)
    root = 1 / np.sqrt(joined.sum(1))
    return np.linalg.eigvalsh(np.eye(len(joined)) - root[:, None] * joined * root[None, :])


def _clusters(affinity: NDArray[np.float64], number: int, seed: int) -> NDArray[np.int64]:
    if number == len(affinity):
        return np.arange(number)
    from sklearn.cluster import SpectralClustering

    joined = affinity + _FAINT
    np.fill_diagonal(joined, 0)
    model = SpectralClustering(number, affinity="precomputed", assign_labels="cluster_qr", random_state=seed)
    return np.asarray(model.fit_predict(joined), np.int64)
