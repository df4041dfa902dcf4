"""Floats as whole numbers of one byte."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantize"]


def quantize(x: NDArray[np.float32], step: float, low: int, high: int) -> NDArray[Any]:
    """`clamp(round(x / step), low, high)`, ties to even; int8 where low < 0, else uint8. NaN becomes low."""
    with np.errstate(over="ignore", invalid="ignore"):
        v = x / np.float32(step)
    v = np.where(v > low, v, np.float32(low))
    v = np.where(v < high, v, np.float32(high))
    return np.rint(v).astype(np.int8 if low < 0 else np.uint8)
