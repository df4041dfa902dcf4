"""`auto`: which method suits, by the training part's counts alone; the rule stands in docs/balance.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from leveret.errors import LeveretUsageError

__all__ = ["Choice", "choose_method"]

_EVEN = 1.5
_SKEWED = 10


@dataclass(frozen=True)
class Choice:
    """What `choose_method` chose.

    Attributes:
        key: of the method.
        why: in a sentence.
        ratio: samples of the most frequent class for each of the rarest.
    """

    key: str
    why: str
    ratio: float


def choose_method(counts: ArrayLike) -> Choice:
    """The method for a training part with so many samples of each class.

    1. No class is rarer than 1:1.5 of the most frequent: "plain". There is nothing to mend.
    2. A class is rarer than 1:10: "frequency-sampling", the best or within half a point of it on our long tails.
    3. Else "classifier-retraining": features are learned best from all samples as they come, and what mild skew spoils
       is the last layer (Kang et al., 2020). It never lost to plain training in our measurements, in area under
       precision and recall either, where sampling did.

    The measurements stand in docs/results/imbalance.md.

    Args:
        counts: `(num_classes,)`, samples of each class; at least 1 each.

    Raises:
        LeveretUsageError: fewer than two classes, or one without a sample.
    """
    found = np.asarray(counts)
    if found.ndim != 1 or len(found) < 2 or (found < 1).any():
        raise LeveretUsageError(f"counts must be at least 1 for each of two or more classes, got {found.tolist()}")
    least, most = int(found.min()), int(found.max())
    ratio = most / least
    if ratio <= _EVEN:
        return Choice("plain", f"the classes are even: {least:,} to {most:,} samples each", ratio)
    key = "frequency-sampling" if ratio > _SKEWED else "classifier-retraining"
    return Choice(key, f"the rarest class has {least:,} samples, 1 for {ratio:.3g} of the most frequent", ratio)
