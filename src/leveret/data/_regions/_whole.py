"""Files of which no part can be had alone: decoded whole, once for all regions, and let go."""

from __future__ import annotations

from collections.abc import Sequence

from leveret._pillow import Image, ImageOps
from leveret.data._regions._open import opened
from leveret.data._regions._reader import Box, File, Regions, to_pixels
from leveret.data.images import GREY_MODES, in_eight_bits

__all__ = ["WholeReader"]


class WholeReader:
    """See `Reader`. Pillow takes 4 bytes a pixel of colour and 1 of grey, from the first region to the last."""

    bounded = False
    orientation = 1  # applied on decoding
    how = "decoded whole, once for all regions that are asked for together"

    def __init__(self, file: File, size: tuple[int, int], mode: str) -> None:
        self.size = size
        self.grey = mode in GREY_MODES
        self._file = file

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        if not boxes:
            return
        with self._file.open() as stream:
            image: Image.Image = opened(stream)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # else it is copied even where it needn't be turned
        if image.mode in ("I", "F"):  # scaled by what the whole holds, as `decode_image` does
            image = in_eight_bits(image, "L")
        for number in sorted(range(len(boxes)), key=lambda i: (boxes[i].top, boxes[i].left)):
            part = image.crop(boxes[number])
            part.info = image.info
            yield number, to_pixels(part, channels)
