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
    slope: Channels = None,
    after: Channels = None,
) -> NDArray[np.float32]:
    """`v = x · scale + shift + add; v = v > 0 ? v : v · slope; v + after`, each step left out where None."""
    v = x
    if scale is not None:
        v = v * scale
    if shift is not None:
        v = v + shift
    if add is not None:
        v = v + add
    if slope is not None:
        v = np.where(v > 0, v, v * slope)
    if after is not None:
        v = v + after
    return np.asarray(v, dtype=np.float32)
