"""Intervals by the stratified bootstrap: what the figure might have been with other samples of the same classes.

Efron, "Bootstrap methods: another look at the jackknife" (1979). Each resample draws as many samples of each class as
there are, with replacement; so a rare class never vanishes from one, and intervals are for the class shares at hand.
Of a class with one sample every resample is the same: its figures' intervals say nothing then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["Interval", "as_json", "check_bootstrap", "percentile_interval", "plain", "resampled_weights"]

_CHUNK = 1 << 21  # weights at once: 16 MB


@dataclass(frozen=True)
class Interval:
    """A figure with what it might as well have been; NaN where there is no figure, or no interval was asked for."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """For JSON; None for NaN."""
        return {"value": plain(self.value), "low": plain(self.low), "high": plain(self.high)}


def plain(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)


def percentile_interval(value: float, found: NDArray[np.float64], level: float, *, centred: bool = False) -> Interval:
    """The middle `level` of what resamples gave.

    Args:
        value: the figure of the samples themselves.
        found: `(resamples,)` figures; NaN is left out.
        level: in (0, 1).
        centred: move the interval so that the resamples' median lies on the value, within 0..1: for figures that any
            resampling makes larger, as samples drawn twice agree with themselves, such as a calibration error.
    """
    known = found[~np.isnan(found)]
    if not len(known) or np.isnan(value):
        return Interval(float(value), float("nan"), float("nan"))
    tail = (1 - level) / 2
    # of the numbers at hand, rather than between two: a threshold's may be infinitely far apart
    low, middle, high = np.quantile(known, [tail, 0.5, 1 - tail], method="nearest")
    if centred:
        low, high = np.clip([low + value - middle, high + value - middle], 0, 1)
    return Interval(float(value), float(low), float(high))


def resampled_weights(labels: NDArray[np.int64], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each sample is drawn, `(some, n)`, for all resamples, a few at a time so that memory stays small.

    Args:
        labels: `(n,)` integers: the strata.
        resamples: in all.
        seed: of the draws.
    """
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    at_once = max(1, _CHUNK // len(labels))
    for start in range(0, resamples, at_once):
        number = min(at_once, resamples - start)
        weights = np.empty((number, len(labels)))
        row = np.arange(number)[:, None]
        for places in strata:
            size = len(places)
            drawn = generator.integers(size, size=(number, size)) + row * size
            weights[:, places] = np.bincount(drawn.ravel(), minlength=number * size).reshape(number, size)
        yield weights


def check_bootstrap(resamples: int, level: float) -> None:
    """Raises `LeveretUsageError`."""
    if resamples < 0:
        raise LeveretUsageError(f"resamples must be at least 0 (no intervals), got {resamples}")
    if not 0 < level < 1:
        raise LeveretUsageError(f"level must be between 0 and 1, such as 0.95; got {level}")


def as_json(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Named intervals for JSON."""
    return {name: interval.as_dict() for name, interval in intervals.items()}
