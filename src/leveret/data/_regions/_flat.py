"""Pixels that stand in the file as they are: BMP, PPM, PGM, uncompressed TIFF in strips or tiles. Rows are sought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

import numpy as np

from leveret._pillow import Image
from leveret.data._regions._reader import BLOCK, Assembly, Box, File, Packing, Pixels, Regions, exactly, to_pixels
from leveret.data.images import GREY_MODES

__all__ = ["FlatReader"]

# bits of a pixel in the raw modes that are read here; what has others is decoded whole
_BITS = {
    **dict.fromkeys(("1", "1;I", "1;R", "1;IR", "P;1", "L;1"), 1),
    **dict.fromkeys(("P;4", "L;4"), 4),
    **dict.fromkeys(("L", "L;I", "P"), 8),
    **dict.fromkeys(("LA", "I;16", "I;16B"), 16),
    **dict.fromkeys(("RGB", "BGR"), 24),
    **dict.fromkeys(("RGBA", "RGBX", "BGRA", "BGRX", "CMYK"), 32),
}


class _Piece(NamedTuple):
    """A rectangle of the image whose rows follow each other in the file.

    Attributes:
        box: where it lies in the image.
        offset: of its first row in the file.
        stride: bytes from row to row.
        step: 1, or −1 where the last row stands first.
        packing: of its bytes.
        bits: of a pixel.
    """

    box: Box
    offset: int
    stride: int
    step: int
    packing: Packing
    bits: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        rows, columns = self.box.bottom - self.box.top, self.box.right - self.box.left
        return self.offset + (rows - 1) * self.stride + (columns * self.bits + 7) // 8


class FlatReader:
    """See `Reader`; `of` makes one where the file allows it."""

    bounded = True
    how = "rows are sought in the file"

    def __init__(self, file: File, pieces: Sequence[_Piece], grey: bool, orientation: int) -> None:
        self.size = (max(piece.box.bottom for piece in pieces), max(piece.box.right for piece in pieces))
        self.orientation = orientation
        self.grey = grey
        self._file = file
        self._pieces = pieces
        self._needs = max(piece.end for piece in pieces)
        self._areas = np.array([piece.box for piece in pieces], np.int64)

    @classmethod
    def of(cls, file: File, image: Image.Image, orientation: int) -> FlatReader | None:
        """From what Pillow found in the header; None where pixels are stored otherwise."""
        pieces = []
        for codec, extents, offset, args, *_ in getattr(image, "tile", ()):
            # a raw mode alone, or with bytes from row to row and the rows' direction
            given = (args,) if isinstance(args, str) else tuple(args or ("",))
            rawmode, stride, step = (*given, 0, 1)[:3] if len(given) != 2 else (*given, 1)
            bits = _BITS.get(rawmode)
            if codec != "raw" or bits is None or extents is None:
                return None
            box = Box(*extents)
            packed = ((box.right - box.left) * bits + 7) // 8
            pieces.append(_Piece(box, offset, stride or packed, step, Packing.of(image, rawmode), bits))
        if not pieces:
            return None
        reader = cls(file, pieces, image.mode in GREY_MODES, orientation)
        covered = sum((box.right - box.left) * (box.bottom - box.top) for box in (piece.box for piece in pieces))
        return reader if covered == reader.size[0] * reader.size[1] else None

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        order = sorted(range(len(boxes)), key=lambda i: (boxes[i].top, boxes[i].left))
        with self._file.open() as stream:
            for number in order:
                box, areas = boxes[number], self._areas
                region = Assembly([box], channels)
                across = (areas[:, 0] < box.right) & (areas[:, 2] > box.left)
                for i in np.flatnonzero(across & (areas[:, 1] < box.bottom) & (areas[:, 3] > box.top)).tolist():
                    for part, image in self._cut(stream, self._pieces[i], box, channels):
                        yield from ((number, pixels) for _, pixels in region.add(part, image))

    def _cut(self, stream: IO[bytes], piece: _Piece, box: Box, channels: int) -> Iterator[tuple[Box, Pixels]]:
        """What a box needs of a piece, some rows at a time."""
        area = piece.box
        left, right = max(box.left, area.left), min(box.right, area.right)
        top, bottom = max(box.top, area.top), min(box.bottom, area.bottom)
        packed = ((area.right - area.left) * piece.bits + 7) // 8
        sought = piece.bits % 8 == 0 and 2 * (right - left) < area.right - area.left
        width = (right - left) * piece.bits // 8 if sought else piece.stride
        rows = max(1, BLOCK // width)
        sixteen = piece.packing.rawmode.startswith("I;16")
        for start in range(top, bottom, rows):
            end = min(start + rows, bottom)
            first = start - area.top if piece.step > 0 else area.bottom - end
            offset = piece.offset + first * piece.stride
            if sought:
                skipped = (left - area.left) * piece.bits // 8
                data = b"".join(
                    exactly(stream, offset + row * piece.stride + skipped, width, self._needs)
                    for row in range(end - start)
                )
                image = piece.packing.image(data, (right - left, end - start), 0, piece.step)
            else:
                data = exactly(stream, offset, (end - start - 1) * piece.stride + packed, self._needs)
                data += bytes(piece.stride - packed)
                image = piece.packing.image(data, (area.right - area.left, end - start), piece.stride, piece.step)
                image = image.crop((left - area.left, 0, right - area.left, end - start))
            yield Box(left, start, right, end), to_pixels(image, channels, sixteen=sixteen)
