"""Permutations that are computed, place by place, and never stored.

A Feistel network permutes the pairs (left, right) of Z_a × Z_b, whatever its round functions are: rounds add in turn
F(right) to left mod a and F(left) to right mod b. With a = ⌈√n⌉ and b = ⌈n/a⌉ the pairs are the numbers below ab, few
of them n or more; one that lands there is permuted again until it lands below n ("cycle walking").

Source: Black & Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, sections 4 and 5. Where we deviate: F is
a hash of 32 bits (two multiplications and shifts, in the manner of MurmurHash3's finaliser), not a cipher; the order
need only look random.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["permuted"]

_LARGE = 1 << 14
_ROUNDS, _MORE_ROUNDS = 4, 6  # of sizes from `_LARGE` on, and of smaller ones, where 4 rounds leave pairs uneven
_FIRST, _SECOND = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_STEPS = np.uint32(0x9E3779B9), np.uint32(0x85EBCA6B)  # from a round's key to the next one's

# one number for all places, or one for each
Numbers = Any


def permuted(places: NDArray[np.int64], size: Numbers, keys: Numbers) -> NDArray[np.int64]:
    """Where each place goes.

    Args:
        places: `(n,)` int64, below `size`.
        size: how many places are permuted, from 1 to 2⁵²; one number, or `(n,)`, one for each place.
        keys: which permutation; one uint64, or `(n,)`, one for each place.

    Returns:
        `(n,)` int64, below `size`; for the same size and key, all places go to different ones.
    """
    if not len(places):
        return np.empty(0, np.int64)
    # what all places share is an array of one
    sizes, keys = np.atleast_1d(np.asarray(size, np.int64)), np.atleast_1d(np.asarray(keys, np.uint64))
    large = sizes >= _LARGE
    if large.any() and not large.all():
        out = np.empty(len(places), np.int64)
        for chosen in (np.flatnonzero(large), np.flatnonzero(~large)):
            out[chosen] = permuted(places[chosen], sizes[chosen], _of(chosen, keys))
        return out
    rounds = _ROUNDS if large.all() else _MORE_ROUNDS
    rows = np.ceil(np.sqrt(sizes)).astype(np.int64)
    columns = -(-sizes // rows)
    first, second = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
    # half as wide is twice as fast
    narrow = int((rows * columns).max()) < 1 << 32
    now = _once(places.astype(np.uint32 if narrow else np.uint64), rounds, rows, columns, first, second)
    while len(beyond := np.flatnonzero(now >= sizes.astype(now.dtype))):
        now[beyond] = _once(now[beyond], rounds, *(_of(beyond, number) for number in (rows, columns, first, second)))
    return now.astype(np.int64)


def _of(chosen: NDArray[np.int64], number: Any) -> Any:
    """The chosen places' own numbers; of what all places share, the same."""
    return number[chosen] if len(number) > 1 else number


def _once(now: Any, rounds: int, rows: Any, columns: Any, first: Any, second: Any) -> Any:
    """One pass through the network, of numbers below rows x columns."""
    left = now // columns.astype(now.dtype)
    right = now - left * columns.astype(now.dtype)
    left, right = left.astype(np.uint32, copy=False), right.astype(np.uint32, copy=False)
    memory = np.empty_like(left), np.empty_like(left), np.empty(len(left), np.uint64)
    for i in range(rounds):
        if i % 2 == 0:
            _add(left, right, rows, first, second, *memory)
        else:
            _add(right, left, columns, first, second, *memory)
        first, second = first + _STEPS[0], second + _STEPS[1]
    out = left.astype(now.dtype, copy=False)
    out *= columns.astype(now.dtype)
    out += right
    return out


def _add(half: Any, other: Any, size: Any, first: Any, second: Any, bits: Any, shifted: Any, wide: Any) -> None:
    """half becomes (half + F(other)) mod size, all below 2³¹; in place, since new memory costs more than the sums."""
    np.bitwise_xor(other, first, out=bits)
    bits *= _FIRST
    bits ^= np.right_shift(bits, np.uint32(15), out=shifted)
    bits += second
    bits *= _SECOND
    bits ^= np.right_shift(bits, np.uint32(16), out=shifted)
    wide[:] = bits
    wide *= size.astype(np.uint64)
    wide >>= np.uint64(32)
    bits[:] = wide
    half += bits
    # half is below 2 size; where it is below size, the difference wraps round to a large number
    np.subtract(half, size.astype(np.uint32), out=bits)
    np.minimum(half, bits, out=half)
