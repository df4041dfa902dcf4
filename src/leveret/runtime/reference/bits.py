"""Signs as bits: bit i of word j belongs to channel 64 j + i and is 1 where the value reaches its threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack_bits", "unpack_bits"]


def pack_bits(
    x: NDArray[np.float32], threshold: NDArray[np.float32] | None = None, flip: NDArray[np.uint8] | None = None
) -> NDArray[np.uint64]:
    """`(…, c)` float32 to `(…, ceil(c / 64))` uint64; see `leveret.runtime.kernels.pack_bits`."""
    channels = x.shape[-1]
    t = np.zeros(channels, np.float32) if threshold is None else threshold
    bits = x >= t
    if flip is not None:
        bits = np.where(flip.astype(bool), x <= t, bits)
    words = -(-channels // 64)
    padded = np.zeros((*x.shape[:-1], words * 64), np.uint8)
    padded[..., :channels] = bits
    packed = np.packbits(padded, axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)


def unpack_bits(bits: NDArray[np.uint64], channels: int) -> NDArray[np.float32]:
    """`(…, words)` uint64 to `(…, channels)` float32 of ±1."""
    as_bytes = np.ascontiguousarray(bits.astype("<u8")).view(np.uint8)
    ones = np.unpackbits(as_bytes, axis=-1, count=channels, bitorder="little")
    return ones.astype(np.float32) * 2 - 1
