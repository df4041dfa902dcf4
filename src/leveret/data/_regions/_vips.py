"""JPEG by libvips, where pyvips is installed: decoded from the top down, a few rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leveret._pillow import Image
from leveret.data._regions._reader import Assembly, Box, File, Regions, to_pixels

__all__ = ["VipsReader"]


class VipsReader:
    """See `Reader`.

    It is not called bounded: libvips decodes few rows at a time, but what it allocates for them isn't all given back
    meanwhile. For 76 regions of a JPEG of 48 million pixels the process grew by 100 MB, where Pillow's whole needs 370.
    Of a progressive JPEG the decoder keeps all coefficients besides, 2 bytes a sample.
    """

    bounded = False
    how = "libvips decodes rows from the top to the last that is needed"

    def __init__(self, file: File, size: tuple[int, int], grey: bool, orientation: int) -> None:
        self.size = size
        self.orientation = orientation
        self.grey = grey
        self._file = file

    @classmethod
    def of(cls, file: File, image: Image.Image, orientation: int) -> VipsReader | None:
        """None without pyvips, for other formats than JPEG, and for CMYK."""
        if image.format != "JPEG" or image.mode not in ("L", "RGB"):
            return None
        try:
            import pyvips  # noqa: F401
        except (ImportError, OSError):  # libvips itself may be missing
            return None
        width, height = image.size
        return cls(file, (height, width), image.mode == "L", orientation)

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        if not boxes:
            return
        width, last = self.size[1], max(box.bottom for box in boxes)
        import pyvips

        image = self._image()
        # one region for all rows: each pipeline of its own would begin the file again
        region = pyvips.Region.new(image)
        rows = 16  # a row of JPEG's blocks; with more at a time, memory grows faster
        regions = Assembly(boxes, channels)
        for top in range(min(box.top for box in boxes), last, rows):
            bottom = min(top + rows, last)
            piece = Box(0, top, width, bottom)
            data = region.fetch(0, top, width, bottom - top)
            block = Image.frombytes("L" if self.grey else "RGB", (width, bottom - top), data)
            yield from regions.add(piece, to_pixels(block, channels))

    def _image(self) -> Any:
        import pyvips

        options = {"access": "sequential", "fail_on": "truncated"}
        source = self._file.source
        if isinstance(source, bytes):
            return pyvips.Image.new_from_buffer(source, "", **options)
        return pyvips.Image.new_from_file(source, **options)
