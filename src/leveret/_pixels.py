"""Normalisation as pixels take it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["of_pixels"]


def of_pixels(row: Sequence[float] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Means or deviations of values in 0..1, one per channel, as those of pixels in 0..255.

    In float32, everywhere: a packed net must normalise just as its training did.
    """
    return np.float32(255) * np.asarray(row, np.float32)
