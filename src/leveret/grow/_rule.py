"""When a leaf branches: it has more classes than it should, or makes more mistakes among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from leveret.errors import LeveretUsageError

__all__ = ["BranchRule", "error_within"]


@dataclass(frozen=True)
class BranchRule:
    """A leaf that takes up new classes branches if it then has at least `min_classes` classes, and

    - more than `max_classes` of them, or
    - an error above `max_error` on the validation samples of those that it knew before, told among themselves,

    else it grows flat. A group that comes of branching branches further as long as it is too large. Its error counts
    from the next growth on: its classes are together since they are confused, and its leaf has yet to specialise.

    Args:
        max_classes: the size of a leaf, at least 2.
        max_error: in 0..1; 1 leaves it to the size alone.
        min_classes: a leaf of fewer never branches; at least 3.
    """

    max_classes: int = 6
    max_error: float = 0.25
    min_classes: int = 4

    def __post_init__(self) -> None:
        if self.max_classes < 2:
            raise LeveretUsageError(f"max_classes must be at least 2, got {self.max_classes}")
        if not 0 <= self.max_error <= 1:
            raise LeveretUsageError(f"max_error must be in 0..1, got {self.max_error}")
        if self.min_classes < 3:
            raise LeveretUsageError(f"min_classes must be at least 3, got {self.min_classes}")

    def why(self, classes: int, error: float | None) -> str:
        """Why a leaf of so many classes branches; "" if it doesn't.

        Args:
            classes: that it will have.
            error: among those that it knew; None where it isn't known.
        """
        if classes < self.min_classes:
            return ""
        if classes > self.max_classes:
            return f"{classes} classes are more than {self.max_classes}"
        if error is not None and error > self.max_error:
            return f"its error of {100 * error:.1f} % is above {100 * self.max_error:g} %"
        return ""

    def why_not(self, classes: int, error: float | None) -> str:
        """Why such a leaf grows flat."""
        if classes < self.min_classes:
            return f"{classes} classes are too few to branch"
        known = "" if error is None else f", and its error of {100 * error:.1f} % is within {100 * self.max_error:g} %"
        return f"{classes} classes are no more than {self.max_classes}{known}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"max_classes": self.max_classes, "max_error": self.max_error, "min_classes": self.min_classes}


def error_within(confusion: ArrayLike) -> float | None:
    """The mean error over the classes of a confusion matrix, told among themselves; None of fewer than two.

    Of mean confidences it is the mean confidence that went to wrong classes.
    """
    found = np.asarray(confusion, np.float64)
    if len(found) < 2:
        return None
    sums = found.sum(1)
    if not (sums > 0).any():
        return None
    right = np.diag(found)[sums > 0] / sums[sums > 0]
    return float(1 - right.mean())
