"""A mask as a PNG with a palette, written row by row: what is in memory is a band of rows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._files import replacing

__all__ = ["write_palette_png"]

_BAND = 1 << 22  # pixels compressed at once


def write_palette_png(
    path: Path, labels: NDArray[np.uint8], palette: NDArray[np.uint8], size: tuple[int, int] | None = None
) -> None:
    """Write labels as indices into a palette, whole or not at all.

    Args:
        path: of the file.
        labels: `(height, width)` uint8, or a memory map of them.
        palette: `(256, 3)` uint8.
        size: height and width of the file; labels are then taken from the nearest place. Default: their own.
    """
    height, width = size or labels.shape
    rows = ((np.arange(height) + 0.5) * (labels.shape[0] / height)).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * (labels.shape[1] / width)).astype(np.int64)
    step = max(1, _BAND // width)
    scaled = (height, width) != labels.shape

    def bands() -> Iterable[NDArray[np.uint8]]:
        for top in range(0, height, step):
            band = np.asarray(labels[rows[top : top + step]])
            yield band[:, columns] if scaled else band

    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        # 8 bits a pixel, of a palette, not interlaced
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        _chunk(file, b"PLTE", palette.tobytes())
        pack = zlib.compressobj(6)
        for band in bands():
            # before each row stands its filter: none
            filtered = np.zeros((len(band), width + 1), np.uint8)
            filtered[:, 1:] = band
            if data := pack.compress(filtered.tobytes()):
                _chunk(file, b"IDAT", data)
        _chunk(file, b"IDAT", pack.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: Any, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
