"""Matrices of small whole numbers as bytes; `leveret.runtime.reference.symbols` says how."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime import _native as native
from leveret.runtime.reference.symbols import decode_symbols as plain_decode
from leveret.runtime.reference.symbols import encode_symbols as plain_encode

__all__ = ["MOST_LEVELS", "code", "decode"]

MOST_LEVELS = 65536


def code(symbols: NDArray[np.uint16], levels: int, line: int = 0) -> NDArray[np.uint8]:
    """Code a matrix `(rows, columns)` of numbers below `levels`.

    Args:
        line: how far back in its row a symbol's second neighbour is, such as an image's width; 0 for none.
    """
    if native.use_reference():
        coded = plain_encode(symbols, levels, line)
    else:
        coded = native.module.encode_symbols(np.ascontiguousarray(symbols), levels, line)
    return np.frombuffer(coded, np.uint8)


def decode(coded: NDArray[np.uint8], shape: tuple[int, int], levels: int, line: int = 0) -> NDArray[np.uint16]:
    """What `code` was given.

    Raises:
        LeveretFormatError: the bytes can't come from it.
    """
    if native.use_reference():
        symbols = plain_decode(coded.tobytes(), shape, levels, line)
    else:
        symbols = np.zeros(shape, np.uint16)
        if not native.module.decode_symbols(np.ascontiguousarray(coded), levels, line, symbols):
            symbols = None
    if symbols is None:
        raise LeveretFormatError(f"the symbols must be {shape[0]} x {shape[1]} numbers below {levels}, and no more")
    return symbols
