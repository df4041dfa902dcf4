"""EXIF orientations of regions: where a box of the image as it is looked at lies in the image as it is stored."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from leveret.data._regions import Box

__all__ = ["stored_box", "turned"]

Pixel = TypeVar("Pixel", np.uint8, np.float32)

# what makes the image of the stored one: exchange rows and columns, then mirror across, then mirror upside down
_STEPS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


def turned(pixels: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """Stored pixels `(channels, height, width)` as they are to be looked at."""
    exchanged, across, down = _STEPS[orientation]
    if exchanged:
        pixels = pixels.transpose(0, 2, 1)
    return np.ascontiguousarray(pixels[:, :: -1 if down else 1, :: -1 if across else 1])


def stored_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """Where it is stored; `size` is the stored height and width."""
    exchanged, across, down = _STEPS[orientation]
    height, width = size[::-1] if exchanged else size
    left, top, right, bottom = box
    if across:
        left, right = width - right, width - left
    if down:
        top, bottom = height - bottom, height - top
    return Box(top, left, bottom, right) if exchanged else Box(left, top, right, bottom)
