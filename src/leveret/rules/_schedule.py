"""How much the teacher counts against the labels: π = min(pi, 1 − alpha^t) in epoch t, from 0."""

from __future__ import annotations

from dataclasses import dataclass

from leveret.errors import LeveretUsageError

__all__ = ["Schedule"]


@dataclass
class Schedule:
    """π over the epochs (Hu et al., ACL 2016, section 4.1).

    Args:
        pi: the most, in [0, 1].
        alpha: in [0, 1): how slowly it grows.
        epoch: of the moment.

    Raises:
        LeveretUsageError: one out of range.
    """

    pi: float
    alpha: float
    epoch: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.pi <= 1:
            raise LeveretUsageError(f"pi must be in [0, 1], got {self.pi}")
        if not 0 <= self.alpha < 1:
            raise LeveretUsageError(f"alpha must be in [0, 1), got {self.alpha}")

    @property
    def share(self) -> float:
        """π."""
        return min(self.pi, 1 - self.alpha**self.epoch)

    def __str__(self) -> str:
        return f"pi={self.pi:g}, alpha={self.alpha:g}"
