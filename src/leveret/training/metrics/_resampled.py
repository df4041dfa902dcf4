"""The figures of every resample of the bootstrap, many resamples at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leveret.training.metrics._bootstrap import resampled_weights
from leveret.training.metrics._calibration import bin_of, confidence_of
from leveret.training.metrics._inputs import Scored
from leveret.training.metrics._ranking import Ranking

__all__ = ["Resampled", "resampled"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Resampled:
    """What resamples gave.

    Attributes:
        average_precision, roc_auc, recall_at_precision: `(resamples, num_classes)`, each class against the rest.
        confusion: `(resamples, num_classes, num_classes)`.
        calibration_error, classwise_calibration_error: `(resamples,)`.
    """

    average_precision: Floats
    roc_auc: Floats
    recall_at_precision: Floats
    confusion: Floats
    calibration_error: Floats
    classwise_calibration_error: Floats


def resampled(data: Scored, precision: float, bins: int, resamples: int, seed: int) -> Resampled:
    """Draw stratified resamples, and measure each.

    Args:
        data: probabilities with labels.
        precision: at which recall is measured.
        bins: of calibration.
        resamples: how many; 0 gives empty arrays.
        seed: of the draws.
    """
    k, n = data.num_classes, len(data.labels)
    rankings = [Ranking(data.scores[:, c], data.labels == c) for c in range(k)]
    # one column a class, and one of the likeliest class
    gaps = [_gaps(data, c, bins) for c in (*range(k), None)]
    by_class = {name: np.empty((resamples, k)) for name in ("average_precision", "roc_auc", "recall_at_precision")}
    errors = np.empty((resamples, k + 1))
    confusion = np.zeros((resamples, k, k))
    done = 0
    for weights in resampled_weights(data.labels, resamples, seed):
        rows = slice(done, done + len(weights))
        done = rows.stop
        for c, ranking in enumerate(rankings):
            for values, found in zip(by_class.values(), ranking.areas(weights, precision), strict=True):
                values[rows, c] = found
        for column, gap in enumerate(gaps):
            errors[rows, column] = np.abs(weights @ gap).sum(1) / n
        cells, places = np.unique(data.labels * k + data.predictions, return_inverse=True)
        for number, cell in enumerate(cells):
            confusion[rows, cell // k, cell % k] = weights[:, places == number].sum(1)
    return Resampled(
        **by_class,
        confusion=confusion,
        calibration_error=errors[:, k],
        classwise_calibration_error=errors[:, :k].mean(1),
    )


def _gaps(data: Scored, positive: int | None, bins: int) -> Floats:
    """`(n, bins)`: how far each sample's outcome lies above its probability, in the column of its bin."""
    confidence, right = confidence_of(data, positive)
    gaps = np.zeros((len(confidence), bins))
    gaps[np.arange(len(confidence)), bin_of(confidence, bins)] = right - confidence
    return gaps
