"""Random draws that depend on a key alone: the same for an image in any batch, in any order, in any process.

A generator's draws depend on all that were drawn before. Here draw number c of key k is a hash of (k, c) instead, by
SplitMix64's mixing (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, section 4, with
the constants of Stafford's variant 13), applied to the key first, so that neighbouring keys have nothing in common.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError

__all__ = ["KeyedDraws", "keys_under", "view_keys"]

Keys = NDArray[np.uint64]
Size = int | tuple[int, int]

_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd


class KeyedDraws:
    """Draws for each of some keys, with the two methods of numpy's generators that augmentations need.

    Args:
        keys: `(n,)` uint64, one per image.

    Sizes are `n`, or `(k, n)` for k draws a key; each call goes on where the one before ended.
    """

    def __init__(self, keys: Keys) -> None:
        self._mixed = _mix(keys)
        self._drawn = 0

    def random(self, size: Size) -> NDArray[np.float64]:
        """Evenly from [0, 1), with 53 bits."""
        return (self._bits(size) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, low: int, high: int, size: Size) -> NDArray[np.int64]:
        """Evenly from low to high − 1, at most 2³² values; a value's chance is off by less than 2⁻³²."""
        wide = (self._bits(size) >> np.uint64(32)) * np.uint64(high - low)
        return (wide >> np.uint64(32)).astype(np.int64) + low

    def _bits(self, size: Size) -> Keys:
        rows, n = size if isinstance(size, tuple) else (1, size)
        if n != len(self._mixed):
            raise LeveretUsageError(f"draws for {n} images were asked of {len(self._mixed)} keys")
        counts = np.arange(self._drawn + 1, self._drawn + 1 + rows, dtype=np.uint64)[:, None]
        self._drawn += rows
        bits = _mix(self._mixed + counts * _STEP)
        return bits if isinstance(size, tuple) else bits[0]


def view_keys(seed: int, numbers: ArrayLike) -> Keys:
    """A key for each number (from 0) under a seed: `(n,)` uint64; other seeds give other keys.

    Raises:
        LeveretUsageError: the seed is not in 0..2⁶⁴ − 1.
    """
    if not 0 <= seed < 1 << 64:
        raise LeveretUsageError(f"seed must be from 0 to 2**64 - 1, got {seed}")
    return keys_under(_mix(np.array([seed], np.uint64)), numbers)


def keys_under(keys: ArrayLike, numbers: ArrayLike) -> Keys:
    """A key for each number (from 0) under a key: uint64, of the shape that the two have together."""
    starts, steps = np.broadcast_arrays(np.asarray(keys, np.uint64), np.asarray(numbers).astype(np.uint64))
    # as rows, since numpy warns where a single number goes beyond its bits
    return _mix(starts.reshape(-1) + (steps.reshape(-1) + np.uint64(1)) * _STEP).reshape(starts.shape)


def _mix(values: Keys) -> Keys:
    """A one-to-one scramble of 64 bits, in which each bit of the input turns about half of those of the output."""
    values = np.asarray(values, np.uint64)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
