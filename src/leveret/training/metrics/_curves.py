"""Precision-recall and ROC curves and the areas below them, from scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.training.metrics._decisions import macro
from leveret.training.metrics._inputs import Positive, Scored, Scores, positive_class, required_positive, scored

__all__ = [
    "PrecisionRecallCurve",
    "RocCurve",
    "area_per_class",
    "average_precision",
    "precision_recall_curve",
    "recall_at_precision",
    "roc_auc",
    "roc_curve",
]


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """What share of what is flagged is right (precision), against what share is found (recall), as a threshold falls.

    Attributes:
        recall, precision: `(points,)`; recall rises from 0, where precision is 1 by convention.
        thresholds: `(points,)`: a score of at least this is flagged; infinite at the first point, where nothing is.
        area: average precision, the area below steps.
        prevalence: the positive class's share of the samples: the precision, and the area, of guesses.
        positive: the class.
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float
    prevalence: float
    positive: int


@dataclass(frozen=True)
class RocCurve:
    """What share of positives is found, against what share of negatives is flagged, as a threshold falls.

    Attributes:
        false_positive_rate, true_positive_rate: `(points,)`, both from 0 to 1.
        thresholds: `(points,)`: a score of at least this is flagged; infinite at the first point.
        area: below it: the chance that a positive has a higher score than a negative; 0.5 of guesses.
        positive: the class.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float
    positive: int


def precision_recall_curve(
    scores: Scores, labels: ArrayLike | None = None, *, positive: Positive = None
) -> PrecisionRecallCurve:
    """The curve of one class against the rest.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        positive: the class; by default the rarer of two.

    Where the labels lack the class, recall, the precision at the first point and the area are NaN.

    Raises:
        LeveretUsageError: many classes, and none is named.
    """
    from sklearn import metrics

    data = scored(scores, labels)
    chosen = required_positive(data, positive)
    truth, values = data.labels == chosen, data.scores[:, chosen]
    if not truth.any():
        empty = np.full(1, np.nan)
        return PrecisionRecallCurve(empty, empty, np.full(1, np.inf), float("nan"), 0.0, chosen)
    precision, recall, thresholds = metrics.precision_recall_curve(truth, values)
    # scikit-learn counts thresholds up, and gives the last point, where nothing is flagged, none
    return PrecisionRecallCurve(
        recall[::-1],
        precision[::-1],
        np.append(thresholds.astype(np.float64), np.inf)[::-1],
        float(metrics.average_precision_score(truth, values)),
        float(truth.mean()),
        chosen,
    )


def roc_curve(scores: Scores, labels: ArrayLike | None = None, *, positive: Positive = None) -> RocCurve:
    """The curve of one class against the rest.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        positive: the class; by default the rarer of two.

    Where the labels lack the class, or hold no other, the curve is one point of NaN and so is the area.

    Raises:
        LeveretUsageError: many classes, and none is named.
    """
    from sklearn import metrics

    data = scored(scores, labels)
    chosen = required_positive(data, positive)
    truth, values = data.labels == chosen, data.scores[:, chosen]
    if truth.all() or not truth.any():
        empty = np.full(1, np.nan)
        return RocCurve(empty, empty, np.full(1, np.inf), float("nan"), chosen)
    false, true, thresholds = metrics.roc_curve(truth, values, drop_intermediate=False)
    return RocCurve(false, true, thresholds, float(metrics.roc_auc_score(truth, values)), chosen)


def average_precision(scores: Scores, labels: ArrayLike | None = None, *, positive: Positive = None) -> float:
    """The area below the precision-recall curve, in 0..1; guesses reach the positive class's share of the samples.

    `Σ (recall_i − recall_(i−1)) · precision_i` over falling thresholds, which doesn't interpolate (Davis & Goadrich,
    "The relationship between Precision-Recall and ROC curves", ICML 2006, show why a straight line is too kind).

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        positive: a class; by default the rarer of two, or the mean over those of many that occur.
    """
    return _area(scores, labels, positive, "average_precision")


def roc_auc(scores: Scores, labels: ArrayLike | None = None, *, positive: Positive = None) -> float:
    """The area below the ROC curve, in 0..1: the chance that a positive has a higher score than a negative.

    With few positives it looks better than a user of the model will feel: see `average_precision`.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        positive: a class; by default the rarer of two, or the mean over those of many that occur, one against the
            rest.
    """
    return _area(scores, labels, positive, "roc_auc")


def recall_at_precision(
    scores: Scores, labels: ArrayLike | None = None, *, precision: float = 0.9, positive: Positive = None
) -> float:
    """The largest recall of any threshold at which at least `precision` of what is flagged is right; 0 of none.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        precision: in (0, 1].
        positive: a class; by default the rarer of two, or the mean over those of many that occur.

    Many thresholds were tried on the same samples, so it is somewhat kind; `choose_threshold` on other data isn't.
    """
    checked_precision(precision)
    data = scored(scores, labels)
    chosen = positive_class(data, None, positive)
    classes = range(data.num_classes) if chosen is None else [chosen]
    found = []
    for label in classes:
        curve = precision_recall_curve(data, positive=label)
        # 1e-12: 9 right of 10 are to count as 0.9
        found.append(float(np.where(curve.precision >= precision - 1e-12, curve.recall, 0.0 * curve.recall).max()))
    return float(macro(np.array(found)))


def checked_precision(precision: float) -> None:
    if not 0 < precision <= 1:
        raise LeveretUsageError(f"precision must be in (0, 1], got {precision}")


def area_per_class(data: Scored, which: str) -> NDArray[np.float64]:
    """ "average_precision" or "roc_auc" of each class against the rest, `(num_classes,)`; NaN where there is none."""
    return np.array([_area_of(data, label, which) for label in range(data.num_classes)])


def _area(scores: Scores, labels: ArrayLike | None, positive: Positive, which: str) -> float:
    data = scored(scores, labels)
    chosen = positive_class(data, None, positive)
    return float(macro(area_per_class(data, which))) if chosen is None else _area_of(data, chosen, which)


def _area_of(data: Scored, label: int, which: str) -> float:
    from sklearn import metrics

    truth, values = data.labels == label, data.scores[:, label]
    if not truth.any() or (which == "roc_auc" and truth.all()):
        return float("nan")
    score = metrics.roc_auc_score if which == "roc_auc" else metrics.average_precision_score
    return float(score(truth, values))
