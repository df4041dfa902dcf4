"""A `.npy` array of pixels, memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leveret.data._regions._reader import Box, File, Regions, to_pixels
from leveret.errors import LeveretDataError

__all__ = ["NpyReader"]


class NpyReader:
    """See `Reader`. The array is uint8 `(height, width)`, `(height, width, 1 or 3)` or `(1 or 3, height, width)`."""

    bounded = True
    orientation = 1
    how = "the array is memory-mapped"

    def __init__(self, file: File) -> None:
        self._file = file
        pixels = self._pixels()
        self.size = (pixels.shape[0], pixels.shape[1])
        self.grey = pixels.shape[2] == 1

    def _pixels(self) -> Any:
        """A view, `(height, width, channels)`."""
        source = self._file.source
        if isinstance(source, bytes):
            array = np.load(self._file.open(), allow_pickle=False)
        else:
            array = np.load(source, mmap_mode="r", allow_pickle=False)
        if array.dtype == np.uint8 and array.size:
            if array.ndim == 2:
                return array[..., None]
            if array.ndim == 3 and array.shape[2] in (1, 3):
                return array
            if array.ndim == 3 and array.shape[0] in (1, 3):
                return array.transpose(1, 2, 0)
        raise LeveretDataError(
            "its array must be uint8 (height, width), (height, width, 1 or 3) or (1 or 3, height, width), "
            f"got {array.dtype} {array.shape}"
        )

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        from PIL import Image

        pixels = self._pixels()
        for number, box in enumerate(boxes):
            part = np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])
            yield number, to_pixels(Image.fromarray(part[..., 0] if self.grey else part), channels)
