"""Whole weights as planes of bits; `leveret.runtime.kernels.PlaneConv2d` says how planes make a weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.kernels import pack_bits

__all__ = ["pack_planes", "smallest_encoding"]


def smallest_encoding(weight: NDArray[np.int8]) -> tuple[str, int]:
    """The encoding that holds these weights in the fewest planes, and their number."""
    whole = weight.astype(np.int16)
    bits = max(int(whole.max()).bit_length(), int(-1 - whole.min()).bit_length()) + 1  # of a two's complement
    if (whole % 2 != 0).all():
        # ±1, ±3, … ±(2^k − 1)
        return "signs", min(int(np.abs(whole).max()).bit_length(), 8)
    if np.abs(whole).max() <= 1:
        return "ternary", 2
    return "twos_complement", bits


def pack_planes(weight: NDArray[np.int8], encoding: str, bits: int) -> NDArray[np.uint64]:
    """`(…, in)` int8 to `(bits, …, ceil(in / 64))` uint64."""
    whole = weight.astype(np.int16)
    if encoding == "ternary":
        planes = [whole != 0, whole > 0]
    else:
        # an odd number v of k signs is the sum of 2^j (2 b_j − 1): its bits are those of (v + 2^k − 1) / 2
        numbers = (whole + 2**bits - 1) // 2 if encoding == "signs" else whole
        planes = [(numbers >> j) & 1 for j in range(bits)]
    return np.stack([pack_bits(np.where(plane, 1.0, -1.0).astype(np.float32)) for plane in planes])
