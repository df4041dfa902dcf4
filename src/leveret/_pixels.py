"""Normalisation as pixels, and the features of a table, take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["constants_for", "of_pixels"]


def of_pixels(row: Sequence[float] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Means or deviations of values in 0..1, one per channel, as those of pixels in 0..255.

    In float32, everywhere: a packed net must normalise just as its training did.
    """
    return np.float32(255) * np.asarray(row, np.float32)


def constants_for(dimensions: int, normalization: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation, shaped to be taken from and divide an array of so many dimensions.

    Args:
        dimensions: 2 for a table `(n, features)`, whose values are taken as they are; 4 for pixels
            `(n, channels, height, width)` in 0..255.
        normalization: anything with `mean` and `std`.
    """
    rows = (normalization.mean, normalization.std)
    if dimensions == 2:
        return np.asarray(rows[0], np.float32)[None], np.asarray(rows[1], np.float32)[None]
    mean, std = (of_pixels(row).reshape(1, -1, 1, 1) for row in rows)
    return mean, std
