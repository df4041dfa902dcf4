"""Convolution of whole numbers with weights in bit planes, as an exact one of the numbers that the planes spell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._geometry import Window
from leveret.runtime.reference.bits import unpack_bits
from leveret.runtime.reference.floatconv import floatconv

__all__ = ["planeconv", "unpack_planes"]


def unpack_planes(weight: NDArray[np.uint64], channels: int, encoding: str) -> NDArray[np.float32]:
    """`(planes, …, words)` uint64 to whole numbers `(…, channels)`; see `leveret.runtime.kernels.PlaneConv2d`."""
    bits = [(unpack_bits(plane, channels) + 1) / 2 for plane in weight]
    if encoding == "ternary":
        mask, plus = bits
        return (mask * (2 * plus - 1)).astype(np.float32)
    total: NDArray[Any] = np.zeros_like(bits[0])
    for j, bit in enumerate(bits):
        if encoding == "signs":
            total += 2**j * (2 * bit - 1)
        else:
            total += 2**j * bit * (-1 if j == len(bits) - 1 else 1)
    return total.astype(np.float32)


def planeconv(
    x: NDArray[Any],
    weight: NDArray[np.uint64],
    channels: int,
    levels: tuple[int, int],
    encoding: str,
    window: Window,
    groups: int = 1,
) -> NDArray[np.float32]:
    """Whole sums, rounded to float32 once.

    Args:
        x: `(n, h, w, channels)` int8 or uint8; what lies outside `levels` counts as the nearest of both.
        weight: `(planes, out, kernel_h, kernel_w, ceil(channels / groups / 64))`.
    """
    values = np.clip(x.astype(np.float32), *levels)
    return floatconv(values, unpack_planes(weight, channels // groups, encoding), window, groups, exact=True)
