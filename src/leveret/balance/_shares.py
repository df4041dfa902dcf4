"""How often each class is to be drawn: p_c ∝ n_c^(1 − power)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError

__all__ = ["check_power", "given_shares", "wanted_shares"]


def check_power(power: float) -> None:
    """Refuse a power that isn't from 0 (natural frequencies) to 1 (all classes alike)."""
    if isinstance(power, bool) or not isinstance(power, (int, float)) or not 0 <= power <= 1:
        raise LeveretUsageError(f"power must be from 0 (natural frequencies) to 1 (all classes alike), got {power!r}")


def wanted_shares(counts: ArrayLike, power: float) -> NDArray[np.float64]:
    """p_c ∝ n_c^(1 − power), of sum 1; 0 for a class without an instance.

    Args:
        counts: `(classes,)`, at least 0, some above.
        power: from 0 to 1.
    """
    numbers = np.asarray(counts, np.float64)
    shares = np.where(numbers > 0, numbers, 1.0) ** (1 - power) * (numbers > 0)
    return shares / shares.sum()


def given_shares(probabilities: ArrayLike, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """A user's probabilities of classes, made to sum to 1.

    Raises:
        LeveretUsageError: not one for each class, negative or not finite, all 0, or above 0 for a class without an
            instance.
    """
    wanted = np.asarray(probabilities, np.float64)
    if wanted.shape != counts.shape:
        raise LeveretUsageError(
            f"probabilities must be one for each of the {len(counts)} classes, got the shape {wanted.shape}"
        )
    if not np.isfinite(wanted).all() or (wanted < 0).any() or not wanted.sum() > 0:
        raise LeveretUsageError("probabilities must be finite and at least 0, some of them above")
    if (empty := np.flatnonzero((wanted > 0) & (counts == 0))).size:
        raise LeveretUsageError(
            f"class {empty[0]} has no instance to draw and the probability {wanted[empty[0]]:g}; give it 0"
        )
    return wanted / wanted.sum()
