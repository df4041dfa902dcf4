"""Metrics of decisions, each sample's likeliest class: recall, precision, F-beta, balanced accuracy, MCC, the vote.

All but the vote need no more than the confusion matrix, and so are computed for many of them at once, as the bootstrap
wants: `(…, num_classes, num_classes)` counts, row = true class.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.training.metrics._inputs import Positive, Scores, positive_class, scored

__all__ = [
    "MajorityVote",
    "balanced_accuracy",
    "balanced_of",
    "f_beta",
    "f_beta_of",
    "macro",
    "majority_vote",
    "matthews_correlation",
    "matthews_of",
    "precision_of",
    "precision_per_class",
    "ratio",
    "recall_of",
    "recall_per_class",
]


@dataclass(frozen=True)
class MajorityVote:
    """Always saying the most frequent class: what any model must beat.

    Attributes:
        label: the class.
        name: of the class.
        accuracy: on the labels.
        balanced_accuracy: 1 over the classes that occur: one is always found, the others never.
    """

    label: int
    name: str
    accuracy: float
    balanced_accuracy: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def recall_per_class(scores: Scores, labels: ArrayLike | None = None) -> NDArray[np.float64]:
    """Of the samples of each class, the share found, `(num_classes,)`; NaN for a class that the labels lack.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
    """
    return recall_of(scored(scores, labels).confusion)


def precision_per_class(scores: Scores, labels: ArrayLike | None = None) -> NDArray[np.float64]:
    """Of the samples predicted as each class, the share that is, `(num_classes,)`; NaN for a class never predicted.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
    """
    return precision_of(scored(scores, labels).confusion)


def balanced_accuracy(scores: Scores, labels: ArrayLike | None = None) -> float:
    """The mean of the recalls of the classes that occur, in 0..1; 1/k by always saying the same of k classes.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.

    Brodersen et al., "The balanced accuracy and its posterior distribution" (ICPR 2010), for k classes.
    """
    return float(balanced_of(scored(scores, labels).confusion))


def f_beta(scores: Scores, labels: ArrayLike | None = None, *, beta: float = 1.0, positive: Positive = None) -> float:
    """`(1 + β²) · precision · recall / (β² · precision + recall)`, in 0..1: recall counts β times as much.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        beta: above 0.
        positive: a class; by default the rarer of two, or the mean over those of many that occur.

    A class that occurs and is never predicted has 0; one that doesn't occur has NaN.

    Raises:
        LeveretUsageError: beta that isn't above 0, or what can't be scored.
    """
    if not beta > 0:
        raise LeveretUsageError(f"beta must be above 0, got {beta}")
    data = scored(scores, labels)
    chosen = positive_class(data, None, positive)
    values = f_beta_of(data.confusion, beta)
    return float(macro(values) if chosen is None else values[chosen])


def matthews_correlation(scores: Scores, labels: ArrayLike | None = None) -> float:
    """The correlation of true and predicted class, in −1..1; 0 for guesses, and where one class is always said.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.

    For many classes Gorodkin's R_k ("Comparing two K-category assignments by a K-category correlation coefficient",
    2004), for two Matthews' own (1975).
    """
    return float(matthews_of(scored(scores, labels).confusion))


def majority_vote(labels: ArrayLike, train_counts: ArrayLike | None = None, classes: Any = None) -> MajorityVote:
    """What always saying the most frequent class reaches.

    Args:
        labels: `(n,)` integers from 0, at least one, to be measured on.
        train_counts: `(num_classes,)` training samples, which say what is most frequent; default: the labels do.
        classes: names; default: numbers.

    Raises:
        LeveretUsageError: labels or counts of another kind or shape.
    """
    truth = np.asarray(labels)
    if truth.ndim != 1 or not len(truth) or not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0:
        raise LeveretUsageError(f"labels must be (n,) integers from 0, at least one; got {truth.dtype} {truth.shape}")
    counts = np.bincount(truth)
    most = int((counts if train_counts is None else np.asarray(train_counts)).argmax())
    there = int((counts > 0).sum())
    said = int(counts[most]) if most < len(counts) else 0
    name = str(classes[most]) if classes is not None else str(most)
    return MajorityVote(most, name, said / len(truth), 1 / there if said else 0.0)


def recall_of(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """`(…, k, k)` to `(…, k)`."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1))


def precision_of(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """`(…, k, k)` to `(…, k)`."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2))


def balanced_of(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """`(…, k, k)` to `(…)`."""
    return macro(recall_of(confusion))


def f_beta_of(confusion: NDArray[Any], beta: float) -> NDArray[np.float64]:
    """`(…, k, k)` to `(…, k)`."""
    true, said = confusion.sum(-1), confusion.sum(-2)
    values = ratio((1 + beta**2) * np.diagonal(confusion, axis1=-2, axis2=-1), beta**2 * true + said)
    return np.where(true > 0, values, np.nan)


def matthews_of(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """`(…, k, k)` to `(…)`."""
    counts = confusion.astype(np.float64)
    true, said, n = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))
    together = np.trace(counts, axis1=-2, axis2=-1) * n - (true * said).sum(-1)
    spread = np.sqrt((n**2 - (said**2).sum(-1)) * (n**2 - (true**2).sum(-1)))
    return np.divide(together, spread, out=np.zeros_like(together), where=spread > 0)


def macro(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the last axis without NaNs; NaN of nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=-1))


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """`part / whole`, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole > 0)
