"""One class's scores in order, and what every threshold finds: for many weightings of the samples at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.training.metrics._decisions import ratio

__all__ = ["Ranking"]


class Ranking:
    """Scores of a class, highest first, equal ones together.

    Attributes:
        thresholds: `(points,)` falling, such that a score of at least it is flagged. The first flags none. Each lies
            halfway between the scores that it parts, so that the last bit of a score decides nothing; the last is the
            lowest score.
    """

    def __init__(self, scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._positive = positive[self._order]
        ranked = scores[self._order]
        # the last place of each run of equal scores
        self._ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        above, below = ranked[self._ends[:-1]], ranked[self._ends[1:]]
        half = below + (above - below) / 2
        between = np.where(half > below, half, above)
        self.thresholds = np.concatenate([[np.nextafter(ranked[0], np.inf)], between, ranked[-1:]])

    def found(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """True and false positives at each threshold, `(resamples, points)` each, of weights `(resamples, n)`."""
        ranked = weights[:, self._order]
        flagged = np.cumsum(ranked, axis=1)[:, self._ends]
        ranked *= self._positive
        true = np.cumsum(ranked, axis=1)[:, self._ends]
        nothing = np.zeros((len(weights), 1))
        return np.hstack([nothing, true]), np.hstack([nothing, flagged - true])

    def areas(self, weights: NDArray[np.float64], precision: float) -> tuple[NDArray[np.float64], ...]:
        """Average precision, area below the ROC curve, and the largest recall at a precision, `(resamples,)` each.

        All three need only the runs of equal scores that hold a positive: recall changes nowhere else. That makes them
        cheap for a rare class.

        Args:
            weights: `(resamples, n)`; of the positives and of the others above 0 in sum, where there are any.
            precision: in (0, 1].

        Returns:
            NaN without positives; for the ROC curve also without others.
        """
        if not self._positive.any():
            nothing = np.full(len(weights), np.nan)
            return nothing, nothing, nothing
        ranked = np.take(weights, self._order, axis=1)
        places = np.flatnonzero(self._positive)
        run_of = np.searchsorted(self._ends, places)
        runs, first = np.unique(run_of, return_index=True)
        new = np.add.reduceat(ranked[:, places], first, axis=1)  # positives in each run
        true = np.cumsum(new, axis=1)
        np.cumsum(ranked, axis=1, out=ranked)
        flagged = ranked[:, self._ends[runs]]
        before = np.where(runs > 0, ranked[:, self._ends[np.maximum(runs - 1, 0)]], 0)
        positives, total = true[:, -1], ranked[:, -1]
        others = total - positives
        # a positive lies above all others but those flagged before it, and half of those in its own run
        passed = (flagged - true + before - (true - new)) / 2
        roc = ratio((new * (others[:, None] - passed)).sum(1), positives * others)
        area = (new * np.nan_to_num(ratio(true, flagged))).sum(1)
        enough = np.where(true >= (precision - 1e-12) * flagged, true, 0).max(1)
        return ratio(area, positives), roc, ratio(enough, positives)
