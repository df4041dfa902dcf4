"""What all readers share: their interface, the file behind them, and pieces put together to regions."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from leveret._pillow import Image
from leveret.data.images import in_eight_bits
from leveret.errors import LeveretDataError

__all__ = ["BLOCK", "Assembly", "Box", "File", "Packing", "Pixels", "Reader", "Regions", "exactly", "to_pixels"]

# bytes that a reader takes at a time
BLOCK = 1 << 20

Pixels = NDArray[np.uint8]


class Box(NamedTuple):
    """A region, in pixels; right and bottom are the first beyond it."""

    left: int
    top: int
    right: int
    bottom: int


Regions = Iterator[tuple[int, Pixels]]


class Reader(Protocol):
    """Reads regions of one file.

    Attributes:
        size: height and width as stored.
        orientation: EXIF's, 1 to 8, that is still to be applied.
        grey: the file holds no colour.
        bounded: reading needs memory for the regions and a few megabytes (or one tile of the file), whatever the
            image's size.
        how: in words.
    """

    size: tuple[int, int]
    orientation: int
    grey: bool
    bounded: bool
    how: str

    def read(self, boxes: Sequence[Box], channels: int) -> Regions:
        """The number of each box with its pixels, `(channels, height, width)`, in the file's order, in one pass."""
        ...


class File:
    """A file on disk or its bytes in memory; it pickles, and is open only while it is read."""

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        self.source: str | bytes = bytes(source) if isinstance(source, (bytes, bytearray)) else os.fspath(source)

    def __str__(self) -> str:
        return "the given bytes" if isinstance(self.source, bytes) else self.source

    def open(self) -> IO[bytes]:
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else open(self.source, "rb")


class Packing(NamedTuple):
    """How rows of bytes become an image, in Pillow's terms.

    Attributes:
        mode: of the image.
        rawmode: of the bytes.
        palette: of mode "P", else None.
        transparency: of the file, else None.
    """

    mode: str
    rawmode: str
    palette: Any
    transparency: Any

    @classmethod
    def of(cls, image: Image.Image, rawmode: str) -> Packing:
        return cls(image.mode, rawmode, image.palette, image.info.get("transparency"))

    def image(self, data: bytes, size: tuple[int, int], stride: int = 0, step: int = 1) -> Image.Image:
        """Width and height from rows of bytes; `stride` bytes from row to row (0: no gaps), `step` −1: upwards."""
        image = Image.frombytes(self.mode, size, data, "raw", self.rawmode, stride, step)
        if self.palette is not None:
            image.palette = self.palette.copy()
            image.palette.dirty = 1
        if self.transparency is not None:
            image.info["transparency"] = self.transparency
        return image


def to_pixels(image: Image.Image, channels: int, *, sixteen: bool = False) -> Pixels:
    """As `(channels, height, width)` uint8, by the rules of `leveret.data.images`.

    16-bit greys are always divided by 257: whether an image of them stays below 256 can't be seen in a part of it.

    Args:
        image: any mode.
        channels: 1 or 3.
        sixteen: mode "I" holds 16 bits, as it does of a PGM.
    """
    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I;16") or (sixteen and image.mode == "I"):
        values = np.asarray(image).astype(np.float32) / 257
        image = Image.fromarray(values.round().astype(np.uint8)).convert(mode)
    else:
        image = in_eight_bits(image, mode)
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def exactly(stream: IO[bytes], offset: int, count: int, needs: int | None = None) -> bytes:
    """So many bytes from there.

    Args:
        needs: bytes that the whole file must have, where that is known; for the error.

    Raises:
        LeveretDataError: the file ends before.
    """
    stream.seek(offset)
    data = stream.read(count)
    if len(data) < count:
        has = stream.seek(0, io.SEEK_END)
        if needs is None or needs <= has:
            raise LeveretDataError("damaged or cut short (it ends too early)")
        raise LeveretDataError(f"damaged or cut short (it has {has:,} bytes, and needs {needs:,})")
    return data


class Assembly:
    """Regions put together from pieces of the image, in any order; each is held from its first piece to its last."""

    def __init__(self, boxes: Sequence[Box], channels: int) -> None:
        self.boxes = np.array(boxes, np.int64).reshape(-1, 4)
        self._channels = channels
        self._missing = (self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1])
        self._held: dict[int, Pixels] = {}

    def touched(self, piece: Box) -> NDArray[np.int64]:
        """Numbers of the boxes that need something of a piece, in the order of their tops."""
        boxes = self.boxes
        across = (boxes[:, 0] < piece.right) & (boxes[:, 2] > piece.left)
        found = np.flatnonzero(across & (boxes[:, 1] < piece.bottom) & (boxes[:, 3] > piece.top))
        return found[np.argsort(boxes[found, 1], kind="stable")]

    def add(self, piece: Box, pixels: Pixels) -> Regions:
        """Take what is needed of a piece; gives the regions that are whole now."""
        for number in self.touched(piece).tolist():
            box = Box(*self.boxes[number].tolist())
            if number not in self._held:
                self._held[number] = np.empty((self._channels, box.bottom - box.top, box.right - box.left), np.uint8)
            left, top = max(box.left, piece.left), max(box.top, piece.top)
            right, bottom = min(box.right, piece.right), min(box.bottom, piece.bottom)
            self._held[number][:, top - box.top : bottom - box.top, left - box.left : right - box.left] = pixels[
                :, top - piece.top : bottom - piece.top, left - piece.left : right - piece.left
            ]
            self._missing[number] -= (right - left) * (bottom - top)
            if not self._missing[number]:
                yield number, self._held.pop(number)
