"""Calibration: whether what a model is 80 % sure of is right 80 % of the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.training.metrics._inputs import Positive, Scored, Scores, positive_class, scored

__all__ = ["Reliability", "bin_of", "calibration_error", "classwise_calibration_error", "confidence_of", "reliability"]


@dataclass(frozen=True)
class Reliability:
    """Samples by how sure the model was, in bins of equal width.

    Attributes:
        edges: `(bins + 1,)`, from 0 to 1.
        counts: `(bins,)`, samples of each bin.
        confidence: `(bins,)`, their mean probability; NaN of an empty bin.
        accuracy: `(bins,)`, the share of them that is right, or that is of the class; NaN of an empty bin.
        error: the mean over the samples of |accuracy − confidence| of their bin: the expected calibration error.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


def reliability(
    scores: Scores, labels: ArrayLike | None = None, *, bins: int = 15, positive: Positive = None
) -> Reliability:
    """Confidence against accuracy, bin by bin: the data of a reliability diagram.

    Args:
        scores, labels: probabilities `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        bins: of equal width, at least 1.
        positive: of this class's probability; by default of the likeliest class's, whichever that is.

    Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015); Guo et al., "On
    calibration of modern neural networks" (ICML 2017, eq. 3) with their 15 bins. A probability on an edge belongs to
    the bin above it, as in torchmetrics.
    """
    _check(bins)
    data = scored(scores, labels, probabilities=True)
    chosen = None if positive is None else positive_class(data, None, positive)
    return _binned(*confidence_of(data, chosen), bins)


def calibration_error(scores: Scores, labels: ArrayLike | None = None, *, bins: int = 15) -> float:
    """The expected calibration error of the likeliest class's probability, in 0..1; see `reliability`.

    On skewed data the frequent class hides the rare one's in it: see `classwise_calibration_error`.
    """
    return reliability(scores, labels, bins=bins).error


def classwise_calibration_error(scores: Scores, labels: ArrayLike | None = None, *, bins: int = 15) -> float:
    """The mean over all classes of the calibration error of each class's own probability, in 0..1.

    A class that the labels lack counts too: its probability should have been 0.

    Kull et al., "Beyond temperature scaling: obtaining well-calibrated multiclass probabilities with Dirichlet
    calibration" (NeurIPS 2019), eq. 3.
    """
    _check(bins)
    data = scored(scores, labels, probabilities=True)
    return float(np.mean([_binned(*confidence_of(data, c), bins).error for c in range(data.num_classes)]))


def confidence_of(data: Scored, positive: int | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities, and whether they came true, `(n,)` each: of a class, or of the likeliest one."""
    if positive is None:
        return data.scores.max(1), data.predictions == data.labels
    return data.scores[:, positive], data.labels == positive


def bin_of(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The bin of each probability, from 0."""
    edges = np.linspace(0, 1, bins + 1)
    return np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1).astype(np.int64)


def _binned(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int) -> Reliability:
    places = bin_of(confidence, bins)
    counts = np.bincount(places, minlength=bins)
    sure, true = (np.bincount(places, weights=values, minlength=bins) for values in (confidence, right))
    empty = np.full(bins, np.nan)
    return Reliability(
        np.linspace(0, 1, bins + 1),
        counts,
        np.divide(sure, counts, out=empty.copy(), where=counts > 0),
        np.divide(true, counts, out=empty.copy(), where=counts > 0),
        float(np.abs(true - sure).sum() / len(confidence)),
    )


def _check(bins: int) -> None:
    if bins < 1:
        raise LeveretUsageError(f"bins must be at least 1, got {bins}")
