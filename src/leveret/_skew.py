"""How skewed classes are, and from where on accuracy alone misleads. Numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SKEWED", "Skew", "class_counts", "skew_of"]

SKEWED = 10  # a class rarer than 1 to so many of the most frequent one makes data skewed
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Skew:
    """The most frequent class against the rarest that has samples, the first of equals.

    Attributes:
        most, least: the classes, from 0.
        most_count, least_count: samples of each, at least 1.
    """

    most: int
    least: int
    most_count: int
    least_count: int

    @property
    def ratio(self) -> float:
        """Samples of the most frequent class for each of the rarest, at least 1."""
        return self.most_count / self.least_count

    @property
    def skewed(self) -> bool:
        """Whether the rarest class is rarer than 1:10."""
        return self.most_count > SKEWED * self.least_count

    @property
    def in_words(self) -> str:
        """The ratio as "1:37"; with a digit more where that would hide that it is above 1:10."""
        return f"1:{self.ratio:,.0f}" if self.ratio >= SKEWED + 1 else f"1:{self.ratio:.3g}"


def skew_of(counts: Sequence[int] | NDArray[Any]) -> Skew | None:
    """The skew of `(num_classes,)` counts; None where no class has a sample. Classes without one don't count."""
    found = np.asarray(counts, dtype=np.int64)
    there = np.flatnonzero(found > 0)
    if not len(there):
        return None
    most, least = int(there[found[there].argmax()]), int(there[found[there].argmin()])
    return Skew(most, least, int(found[most]), int(found[least]))


def class_counts(labels: NDArray[Any], num_classes: int = 0) -> NDArray[np.int64]:
    """Samples of each class, at least `num_classes` long; negative labels stand for no class. In little memory."""
    counts = np.zeros(num_classes, dtype=np.int64)
    for start in range(0, len(labels), _CHUNK):
        part = np.asarray(labels[start : start + _CHUNK])
        more = np.bincount(part[part >= 0], minlength=len(counts))
        more[: len(counts)] += counts
        counts = more
    return counts
