"""Means over squares of pixels: what remains of an image at a fraction of its size, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.data._regions import Box
from leveret.data._regions._reader import BLOCK

__all__ = ["bands", "mean_squares"]


def bands(area: Box, factor: int, row_bytes: int) -> list[Box]:
    """An area in bands of rows, of a block of memory each, and of whole squares but for the last."""
    rows = max(1, BLOCK // (row_bytes * factor)) * factor
    tops = range(area.top, area.bottom, rows)
    return [Box(area.left, top, area.right, min(top + rows, area.bottom)) for top in tops]


def mean_squares(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.float32]:
    """`(channels, height, width)`, both multiples of `factor`, to float32 `(…, height / factor, width / factor)`."""
    channels, height, width = pixels.shape
    # down before across: the first sum is over whole rows, which numpy does many numbers at a time
    rows = pixels.reshape(channels, height // factor, factor, width).sum(2, dtype=np.uint32)
    sums = rows.reshape(channels, height // factor, width // factor, factor).sum(3)
    return (sums / np.float64(factor * factor)).astype(np.float32)
