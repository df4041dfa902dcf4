"""The epilogue: what happens to a sum before it is stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["affine"]

Channels = NDArray[np.float32] | None


def affine(
    x: NDArray[np.float32],
    scale: Channels = None,
    shift: Channels = None,
    *,
    add: NDArray[np.float32] | None = None,
    before: Channels = None,
    slope: Channels = None,
    after: Channels = None,
) -> NDArray[np.float32]:
    """`v = x · scale + shift, rounded once; v += add; v += before; v = v > 0 ? v : v · slope; v += after`.

    A step is left out where None.
    """
    v = x
    if scale is not None and shift is not None:
        # doubles hold the product of two floats exactly: what a fused multiply-add gives
        v = (v.astype(np.float64) * scale + shift).astype(np.float32)
    elif scale is not None:
        v = v * scale
    elif shift is not None:
        v = v + shift
    if add is not None:
        v = v + add
    if before is not None:
        v = v + before
    if slope is not None:
        v = np.where(v > 0, v, v * slope)
    if after is not None:
        v = v + after
    return np.asarray(v, dtype=np.float32)
