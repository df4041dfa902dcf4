"""Binary convolution, as a real one of ±1 images and ±1 filters: padding adds zeros, which are neither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._geometry import Window
from leveret.runtime.reference.bits import unpack_bits
from leveret.runtime.reference.floatconv import floatconv

__all__ = ["bitconv"]


def bitconv(
    bits: NDArray[np.uint64], weight: NDArray[np.uint64], channels: int, window: Window, groups: int = 1
) -> NDArray[np.float32]:
    """Sums of sign products, whole numbers in float32.

    Args:
        bits: `(n, h, w, ceil(channels / 64))`.
        weight: `(out, kernel_h, kernel_w, ceil(channels / groups / 64))`.
    """
    return floatconv(unpack_bits(bits, channels), unpack_bits(weight, channels // groups), window, groups)
