"""PNG, a few rows at a time.

A PNG is one compressed stream of rows, each of them filtered by the one above. So reading starts at the top and ends
with the last row that is asked for, but only a block of rows is ever held. Pillow undoes the filters: it gets a small
PNG of the block, whose first row is the last one of the block before.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import IO

from leveret._pillow import Image
from leveret.data._regions._reader import BLOCK, Assembly, Box, File, Packing, Regions, exactly, to_pixels
from leveret.data.images import GREY_MODES
from leveret.errors import LeveretDataError

__all__ = ["PngReader", "exif_behind"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
# a colour type of 8 bits with so many bytes a pixel, and Pillow's name for it: filters know bytes alone
_STAND_INS = {1: (0, "L"), 2: (4, "LA"), 3: (2, "RGB"), 4: (6, "RGBA")}


class PngReader:
    """See `Reader`; `of` makes one where the file allows it."""

    bounded = True
    how = "rows are decoded one block after the other, from the top to the last that is needed"

    def __init__(
        self, file: File, size: tuple[int, int], row_bytes: int, pixel_bytes: int, packing: Packing, orientation: int
    ) -> None:
        self.size = size
        self.orientation = orientation
        self.grey = packing.mode in GREY_MODES
        self._file = file
        self._row_bytes = row_bytes
        self._pixel_bytes = pixel_bytes
        self._packing = packing

    @classmethod
    def of(cls, file: File, image: Image.Image, orientation: int) -> PngReader | None:
        """From what Pillow found in the header; None for interlaced ones and 16-bit colours."""
        if image.format != "PNG" or len(getattr(image, "tile", ())) != 1:
            return None
        with file.open() as stream:
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", exactly(stream, 16, 13))
        bits = depth * _SAMPLES.get(colour, 0)
        if interlaced or not bits or (pixel_bytes := max(1, bits // 8)) not in _STAND_INS:
            return None
        args = image.tile[0][3]  # type: ignore[attr-defined]
        packing = Packing.of(image, args if isinstance(args, str) else args[0])
        return cls(file, (height, width), (width * bits + 7) // 8, pixel_bytes, packing, orientation)

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        if not boxes:
            return
        width, last = self.size[1], max(box.bottom for box in boxes)
        regions = Assembly(boxes, channels)
        with self._file.open() as stream:
            for top, rows, data in self._blocks(stream, last):
                piece = Box(0, top, width, top + rows)
                if len(regions.touched(piece)):
                    image = self._packing.image(data, (width, rows))
                    yield from regions.add(piece, to_pixels(image, channels, sixteen=True))

    def _blocks(self, stream: IO[bytes], last: int) -> Iterator[tuple[int, int, bytes]]:
        """Top, number of rows and their bytes without filters, as far as row `last`."""
        filtered = self._row_bytes + 1
        most = max(1, BLOCK // filtered)
        inflated = _inflated(stream)
        held, above = bytearray(), b""
        top = 0
        while top < last:
            rows = min(most, last - top)
            while len(held) < rows * filtered:
                more = next(inflated, b"")
                if not more:
                    raise LeveretDataError(
                        f"damaged (its pixels end after row {top + len(held) // filtered} of {self.size[0]})"
                    )
                held += more
            data = self._unfiltered(bytes(held[: rows * filtered]), rows, above)
            del held[: rows * filtered]
            yield top, rows, data
            above = data[-self._row_bytes :]
            top += rows

    def _unfiltered(self, data: bytes, rows: int, above: bytes) -> bytes:
        if above:  # as a first row without a filter
            data, rows = b"\0" + above + data, rows + 1
        colour, mode = _STAND_INS[self._pixel_bytes]
        header = struct.pack(">IIBBBBB", self._row_bytes // self._pixel_bytes, rows, 8, colour, 0, 0, 0)
        small = _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(data, 0)) + _chunk(b"IEND", b"")
        with Image.open(io.BytesIO(small), formats=("PNG",)) as image:
            plain = image.tobytes()
            assert image.mode == mode
        return plain[len(above) :]


def exif_behind(stream: IO[bytes]) -> bytes:
    """The chunk eXIf where it stands behind the pixels, found without decoding them; empty if there is none."""
    position, kind = len(_SIGNATURE), b""
    behind = False
    while kind != b"IEND":
        stream.seek(position)
        if len(head := stream.read(8)) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        behind = behind or kind == b"IDAT"
        if kind == b"eXIf" and behind:
            return stream.read(length)
        position += length + 12
    return b""


def _inflated(stream: IO[bytes]) -> Iterator[bytes]:
    """The rows' bytes, some at a time, from the chunks IDAT; each chunk's checksum is checked."""
    inflate = zlib.decompressobj()
    position = len(_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", exactly(stream, position, 8))
        if kind == b"IDAT":
            data = exactly(stream, position + 8, length)
            if zlib.crc32(kind + data) != struct.unpack(">I", exactly(stream, position + 8 + length, 4))[0]:
                raise LeveretDataError(f"damaged (a wrong checksum at byte {position})")
            while data:
                yield from filter(None, [inflate.decompress(data, BLOCK)])
                data = inflate.unconsumed_tail
        position += length + 12
    yield from filter(None, [inflate.flush()])


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
