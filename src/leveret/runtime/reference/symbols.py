"""The coder of weights' symbols, as docs/lvr-format.md has it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_symbols", "encode_symbols"]

_TOP = 0xFFFFFFFF
_DENSITIES = 9
_NEIGHBOURS = 5
# decides: which model's chances it is to take, and the answer where that is known
Decide = Callable[[list[int], bool], bool]


def encode_symbols(symbols: NDArray[np.uint16], levels: int, line: int) -> bytes:
    """Code a matrix `(rows, columns)` of numbers below `levels`; `line` is how far back the second neighbour is."""
    low, high = 0, _TOP
    out = bytearray()

    def decide(counts: list[int], yes: bool) -> bool:
        nonlocal low, high
        middle = low + ((high - low) * _chance(counts) >> 16)
        low, high = (low, middle) if yes else (middle + 1, high)
        while (low ^ high) >> 24 == 0:
            out.append(high >> 24)
            low, high = low << 8 & _TOP, (high << 8 | 255) & _TOP
        _saw(counts, yes)
        return yes

    _visit(decide, symbols.astype(np.int64), levels, line)
    return bytes(out) + low.to_bytes(4, "big")


def decode_symbols(coded: bytes, shape: tuple[int, int], levels: int, line: int) -> NDArray[np.uint16] | None:
    """What `encode_symbols` was given; None where the bytes can't come from it."""
    low, high = 0, _TOP
    value, at = int.from_bytes(coded[:4].ljust(4, b"\0"), "big"), 4

    def decide(counts: list[int], _: bool) -> bool:
        nonlocal low, high, value, at
        middle = low + ((high - low) * _chance(counts) >> 16)
        yes = value <= middle
        low, high = (low, middle) if yes else (middle + 1, high)
        while (low ^ high) >> 24 == 0:
            low, high = low << 8 & _TOP, (high << 8 | 255) & _TOP
            value = (value << 8 | (coded[at] if at < len(coded) else 0)) & _TOP
            at += 1
        _saw(counts, yes)
        return yes

    symbols = np.zeros(shape, np.int64)
    if not _visit(decide, symbols, levels, line) or at != len(coded) or value != low:
        return None
    return symbols.astype(np.uint16)


def _chance(counts: list[int]) -> int:
    """Of a yes, in 1/65536."""
    no, yes = counts
    return min(max(((2 * yes + 1) << 16) // (2 * (no + yes) + 2), 1), 65535)


def _saw(counts: list[int], yes: bool) -> None:
    counts[yes] += 1
    if sum(counts) == 32767:
        counts[:] = [n // 2 for n in counts]


def _visit(decide: Decide, symbols: NDArray[np.int64], levels: int, line: int) -> bool:
    """Ask for every decision in its order; what is answered is written into `symbols`."""
    bits = (levels - 2).bit_length() if levels > 2 else 0
    zero = [[0, 0] for _ in range(_NEIGHBOURS * _DENSITIES)]
    value = [[0, 0] for _ in range(1 << bits)]
    columns = [0] * symbols.shape[1]
    for row, own in enumerate(symbols):
        for at in range(len(own)):
            backs = [1, 2] + ([line] if line > 0 else []) + ([line - 1] if line > 1 else [])
            context = sum(at >= back and bool(own[at - back]) for back in backs)
            density = (2 * row + 2).bit_length() - (2 * columns[at] + 1).bit_length()
            known = int(own[at])
            symbol = 0
            if decide(zero[context * _DENSITIES + min(density, _DENSITIES - 1)], known != 0):
                node = 1
                for bit in range(bits - 1, -1, -1):
                    node = node << 1 | decide(value[node], bool((known - 1) >> bit & 1))
                symbol = node - (1 << bits) + 1
                if symbol >= levels:
                    return False
                columns[at] += 1
            own[at] = symbol
    return True
