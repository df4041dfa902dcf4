"""The epilogue: what happens to a sum before it is stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["affine"]

Channels = NDArray[np.float32] | None


def _fma(x: NDArray[np.float32], scale: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """`x · scale + shift` rounded once, as a fused multiply-add does.

    Doubles hold the product exactly, but not always the sum, and rounding twice may end on the wrong side of a tie.
    So the double is rounded to odd (Boldo and Melquiond, 2008): where something was lost, its last bit is made 1.
    """
    product, more = x.astype(np.float64) * scale, shift.astype(np.float64)
    total = np.asarray(product + more)
    with np.errstate(invalid="ignore"):
        of_more = total - product
        lost = (product - (total - of_more)) + (more - of_more)  # exact (Knuth); NaN where the sum is not finite
    bits = total.view(np.int64)
    inexact = ((lost < 0) | (lost > 0)) & (bits % 2 == 0)
    np.add(bits, np.where((lost > 0) == (total > 0), 1, -1), out=bits, where=inexact)
    with np.errstate(over="ignore"):
        return total.astype(np.float32)


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
        v = _fma(v, scale, shift)
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
