"""Pixels as pictures inside a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["data_uri"]

_LARGEST = 160


def data_uri(pixels: NDArray[np.uint8], largest: int = _LARGEST) -> str:
    """A PNG as a data URI of `(channels, height, width)` uint8 with 1 or 3 channels; at most `largest` a side."""
    from PIL import Image

    image: Any = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    image.thumbnail((largest, largest))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
