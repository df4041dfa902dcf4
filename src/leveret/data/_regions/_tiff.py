"""Compressed TIFF, strip by strip or tile by tile.

Strips and tiles are compressed apart. The ones that a region needs are copied, compressed as they are, into a small
TIFF in memory with the same tags, and libtiff decodes that through Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import IO, Any

from leveret._pillow import Image
from leveret.data._regions._reader import BLOCK, Assembly, Box, File, Regions, exactly, to_pixels
from leveret.data.images import GREY_MODES
from leveret.errors import LeveretDataError

__all__ = ["SegmentReader"]

_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _PLANAR = 256, 257, 259, 262, 284
_STRIPS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES = 322, 323, 324, 325
_JPEG_TABLES = 347
# what says how pixels are coded: bits, compression, meaning, bit order, samples, predictor, palette, alpha, kind of
# numbers, chroma; and the fax options
_SHORTS = (258, _COMPRESSION, _PHOTOMETRIC, 266, 277, _PLANAR, 317, 320, 338, 339, 530, 531)
_LONGS = (292, 293)
# none, the faxes, LZW, JPEG, deflate (twice), PackBits, LZMA, Zstandard, WebP
_APART = frozenset({1, 2, 3, 4, 5, 7, 8, 32946, 32773, 34925, 50000, 50001})
_MODES = frozenset({"1", "L", "P", "LA", "RGB", "RGBA", "RGBX", "CMYK", "I;16", "I;16B", "I;16L", "I;16N"})


class SegmentReader:
    """See `Reader`; `of` makes one where the file allows it. A segment is a strip or a tile."""

    def __init__(
        self, file: File, image: Image.Image, orientation: int, segment: tuple[int, int], where: list[tuple[int, int]]
    ) -> None:
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        self.size = (int(tags[_LENGTH]), int(tags[_WIDTH]))
        self.orientation = orientation
        self.grey = image.mode in GREY_MODES
        self.bounded = segment[0] * segment[1] < self.size[0] * self.size[1]
        self._tiled = _TILES in tags
        kind = "tiles" if self._tiled else "strips"
        self.how = f"{kind} of {segment[0]}x{segment[1]} are decoded, those that are needed"
        self._file = file
        self._mode = image.mode
        self._transparency = image.info.get("transparency")
        self._order = "<" if tags.prefix == b"II" else ">"
        self._segment = segment
        self._where = where
        self._needs = max(offset + count for offset, count in where)
        self._columns = -(-self.size[1] // segment[1])
        self._tags = {tag: ("H", _several(tags[tag])) for tag in _SHORTS if tag in tags}
        self._tags |= {tag: ("I", _several(tags[tag])) for tag in _LONGS if tag in tags}
        if _JPEG_TABLES in tags:
            self._tags[_JPEG_TABLES] = ("B", tuple(tags[_JPEG_TABLES]))

    @classmethod
    def of(cls, file: File, image: Image.Image, orientation: int) -> SegmentReader | None:
        """From what Pillow found in the header; None where a channel stands apart or all is one stream."""
        tags: Any = getattr(image, "tag_v2", None)
        if image.format != "TIFF" or tags is None or tags.get(_PLANAR, 1) != 1 or image.mode not in _MODES:
            return None
        if tags.get(_COMPRESSION, 1) not in _APART or (tags.get(_PHOTOMETRIC) == 6 and tags.get(_COMPRESSION) != 7):
            return None
        height, width = int(tags[_LENGTH]), int(tags[_WIDTH])
        if _TILES in tags:
            segment = int(tags[_TILE_LENGTH]), int(tags[_TILE_WIDTH])
            names = _TILES, _TILE_BYTES
        else:
            segment = min(int(tags.get(_ROWS_PER_STRIP, height)), height), width
            names = _STRIPS, _STRIP_BYTES
        if min(segment) < 1 or names[0] not in tags or names[1] not in tags:
            return None
        where = list(zip(_several(tags[names[0]]), _several(tags[names[1]]), strict=False))
        if len(where) != -(-height // segment[0]) * -(-width // segment[1]):
            raise LeveretDataError(
                f"damaged ({len(where)} parts of {segment[0]}x{segment[1]} don't make {height}x{width} pixels)"
            )
        return cls(file, image, orientation, segment, where)

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        regions = Assembly(boxes, channels)
        with self._file.open() as stream:
            for numbers, piece in self._runs(regions):
                with Image.open(io.BytesIO(self._small(stream, numbers, piece)), formats=("TIFF",)) as image:
                    if self._transparency is not None:
                        image.info["transparency"] = self._transparency
                    pixels = to_pixels(image, channels)
                yield from regions.add(piece, pixels)

    def _runs(self, regions: Assembly) -> Iterator[tuple[range, Box]]:
        """Needed segments that follow each other, few enough to be decoded at once, and what they cover."""
        (tall, wide), (height, width) = self._segment, self.size
        most = max(1, BLOCK // (4 * tall * wide))
        for start, end in self._rows(regions, most):
            for first in range(0, self._columns, most):
                last = min(first + most, self._columns)
                needed = [
                    column
                    for column in range(first, last)
                    if len(regions.touched(Box(column * wide, start * tall, (column + 1) * wide, end * tall)))
                ]
                if not needed:
                    continue
                first, last = needed[0], needed[-1] + 1
                # tiles are whole beyond the border too, and what lies there is never asked for
                bottom = end * tall if self._tiled else min(end * tall, height)
                right = last * wide if self._tiled else width
                numbers = range(start * self._columns + first, (end - 1) * self._columns + last)
                yield numbers, Box(first * wide, start * tall, right, bottom)

    def _rows(self, regions: Assembly, most: int) -> Iterator[tuple[int, int]]:
        """Rows of segments: several strips at once, or one row of tiles."""
        tall, height = self._segment[0], self.size[0]
        rows = most if not self._tiled else 1
        for start in range(0, -(-height // tall), rows):
            yield start, min(start + rows, -(-height // tall))

    def _small(self, stream: IO[bytes], numbers: range, piece: Box) -> bytes:
        """A TIFF of some segments: 8 bytes of header, the directory, what doesn't fit into it, the segments."""
        parts = [exactly(stream, *self._where[number], self._needs) for number in numbers]
        counts = tuple(len(part) for part in parts)
        fields = dict(self._tags)
        fields[_WIDTH], fields[_LENGTH] = ("I", (piece.right - piece.left,)), ("I", (piece.bottom - piece.top,))
        if self._tiled:
            fields[_TILE_LENGTH], fields[_TILE_WIDTH] = (("I", (side,)) for side in self._segment)
            offsets, fields[_TILE_BYTES] = _TILES, ("I", counts)
        else:
            fields[_ROWS_PER_STRIP] = ("I", (self._segment[0],))
            offsets, fields[_STRIP_BYTES] = _STRIPS, ("I", counts)
        fields[offsets] = ("I", counts)  # of the right length, so that the directory's is known
        start = len(_directory(fields, self._order))
        fields[offsets] = ("I", tuple(start + sum(counts[:i]) for i in range(len(counts))))
        return _directory(fields, self._order) + b"".join(parts)


def _several(value: Any) -> tuple[int, ...]:
    return tuple(int(one) for one in value) if isinstance(value, (tuple, list)) else (int(value),)


def _directory(fields: dict[int, tuple[str, tuple[int, ...]]], order: str) -> bytes:
    """Header and directory of a TIFF with these fields, each a type (B, H or I) and its values."""
    numbers = {"B": 7, "H": 3, "I": 4}
    entries, beyond = b"", b""
    end = 8 + 2 + 12 * len(fields) + 4
    for tag, (kind, values) in sorted(fields.items()):
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(data) > 4:
            place = struct.pack(f"{order}I", end + len(beyond))
            beyond += data + bytes(len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, numbers[kind], len(values)) + place
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return header + struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + beyond
