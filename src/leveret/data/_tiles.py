"""Images of any size, of which only parts are decoded: a thumbnail of the whole, and regions in full resolution."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._extras import needs
from leveret._pillow import Image
from leveret.data._regions import Box, choose_reader
from leveret.data._regions._open import opened
from leveret.data._regions._reader import File, to_pixels
from leveret.data._squares import bands, mean_squares
from leveret.data._turns import stored_box, turned
from leveret.data.images import reason_of
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["TiledImage"]

BoxLike = Sequence[int] | NDArray[Any]


class TiledImage:
    """An image on disk (or encoded in memory) that is read by regions.

    What that costs depends on how the file stores its pixels; `bounded` and `reading` say it of each:

    | file | a region reads | memory beside the regions |
    |---|---|---|
    | BMP, PPM, PGM, uncompressed TIFF, `.npy` | its own rows, sought in the file | some MB |
    | compressed TIFF | the strips or tiles under it | some MB, or a few times a strip or tile |
    | PNG, 8 bits a channel or grey | all rows above its lower border | some MB, or a few rows |
    | JPEG, where pyvips is installed | all rows above its lower border | about 2 bytes a pixel; progressive: 6 more |
    | JPEG without pyvips, interlaced PNG, 16-bit colours, WebP, GIF and others | everything | the whole: 4 bytes a \
pixel, grey 1 |

    A file is opened for each call and closed after it, so that a `TiledImage` pickles and holds nothing but its header.
    Ask for many regions at once (`regions`): they are read in one pass. Of files with several images the first is read.

    Pixels are what `leveret.data.decode_image` gives without scaling: the EXIF orientation is applied, palettes become
    colours, transparency lies over white. One difference: 16-bit greys are always divided by 257.

    Args:
        source: a path, or a file's bytes.
        channels: 1 (grey) or 3; default: 1 where the file is grey, else 3.
        max_pixels: a larger image is refused, before anything of it is decoded. Default: Pillow's limit
            (`PIL.Image.MAX_IMAGE_PIXELS`, 89 million), a guard against small files that unfold to gigabytes.

    Attributes:
        height, width: in pixels, as the image is looked at.
        channels: 1 or 3.
        format: Pillow's word for it ("PNG"), or "NPY".
        bounded: memory doesn't grow with the image, as the table says.
        reading: how regions are read, in words.

    Raises:
        LeveretDataError: no such file, no image, damaged, or too large; with the path.
        LeveretUsageError: an argument out of range.

    Example:
        >>> image = leveret.data.TiledImage("slide.tif")
        >>> look = image.thumbnail(512)
        >>> patches = image.regions([(0, 0, 96, 96), (4000, 2000, 4096, 2096)])
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | bytes,
        *,
        channels: int | None = None,
        max_pixels: int | None = None,
    ) -> None:
        if not isinstance(source, (str, os.PathLike, bytes, bytearray)):
            raise LeveretUsageError(f"an image is a path or a file's bytes, got {type(source).__name__}")
        if channels not in (None, 1, 3):
            raise LeveretUsageError(f"channels must be 1 or 3, got {channels!r}")
        if max_pixels is not None and max_pixels < 1:
            raise LeveretUsageError(f"max_pixels must be at least 1, got {max_pixels!r}")
        needs("reading images", "PIL")
        self._file = File(source)
        with self._blaming_the_file():
            limit = Image.MAX_IMAGE_PIXELS if max_pixels is None else max_pixels
            self._reader, self.format = choose_reader(self._file, limit)
        self.channels = channels or (1 if self._reader.grey else 3)
        height, width = self._reader.size
        self.height, self.width = (width, height) if self._reader.orientation >= 5 else (height, width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    @property
    def bounded(self) -> bool:
        """Whether a region is read in little memory, however large the image."""
        return self._reader.bounded

    @property
    def reading(self) -> str:
        """How it is read, in words."""
        return self._reader.how

    def region(self, box: BoxLike, *, fill: int | None = None) -> NDArray[np.uint8]:
        """One region in full resolution: uint8 `(channels, bottom − top, right − left)`; see `regions`."""
        return self.regions([box], fill=fill)[0]

    def regions(self, boxes: Iterable[BoxLike], *, fill: int | None = None) -> list[NDArray[np.uint8]]:
        """Several regions in full resolution, read in one pass through the file.

        Args:
            boxes: each left, top, right, bottom, in pixels; right and bottom are the first beyond it.
            fill: 0 to 255: boxes may reach beyond the image, and what lies there gets this value. Default: that is an
                error.

        Returns:
            uint8 `(channels, bottom − top, right − left)` for each box, in the order of `boxes`.

        Raises:
            LeveretUsageError: an empty box, or one beyond the image.
            LeveretDataError: the file is damaged where it was read, or gone; with the path.
        """
        if fill is not None and not 0 <= fill <= 255:
            raise LeveretUsageError(f"fill must be from 0 to 255, got {fill!r}")
        wanted = [self._checked(box, number, fill is not None) for number, box in enumerate(boxes)]
        found: list[Any] = [None] * len(wanted)
        inside = {}
        for number, box in enumerate(wanted):
            part = Box(max(box.left, 0), max(box.top, 0), min(box.right, self.width), min(box.bottom, self.height))
            if part != box:
                size = (self.channels, box.bottom - box.top, box.right - box.left)
                found[number] = np.full(size, fill, np.uint8)
            if part.left < part.right and part.top < part.bottom:
                inside[number] = part
        numbers = list(inside)
        for i, pixels in self._read(list(inside.values())):
            number, part = numbers[i], inside[numbers[i]]
            if found[number] is None:
                found[number] = pixels
            else:
                left, top = part.left - wanted[number].left, part.top - wanted[number].top
                found[number][:, top : top + pixels.shape[1], left : left + pixels.shape[2]] = pixels
        return found

    def thumbnail(self, max_side: int) -> NDArray[np.uint8]:
        """The whole image, scaled down so that its longer side is at most `max_side`; never enlarged.

        JPEG is decoded at a half, a quarter or an eighth of its size where that is at least twice what is wanted
        (Pillow's draft mode); other files are averaged over whole squares of pixels, a few rows at a time. What is left
        is scaled bicubically.

        Returns:
            uint8 `(channels, height, width)`.

        Raises:
            LeveretUsageError: `max_side` below 1.
            LeveretDataError: the file is damaged, or gone; with the path.
        """
        if max_side < 1:
            raise LeveretUsageError(f"max_side must be at least 1, got {max_side!r}")
        share = min(1.0, max_side / max(self.height, self.width))
        # no side may vanish
        height, width = max(1, round(self.height * share)), max(1, round(self.width * share))
        if self.format == "JPEG":
            least = 2 * max(height, width) / max(self.height, self.width)
            pixels = self._drafted(lambda side: math.ceil(side * least))
        else:
            pixels = self._averaged(max(1, int(0.5 / share)))
        if pixels.shape[1:] == (height, width):
            return pixels
        image = _as_image(pixels).resize((width, height), Image.Resampling.BICUBIC)
        return _as_pixels(image)

    def reduced(self, factor: int) -> NDArray[np.float32]:
        """The whole image at a fraction of its size: the mean of each square of `factor` pixels a side.

        Squares begin at the upper left; less than a square at the right and below is left out. A few rows at a time are
        read. The means are exact, but for JPEG where 2, 4 or 8 divides `factor`: that much of the scaling is done by
        the decoder (Pillow's draft mode), which then never makes the whole.

        Returns:
            float32 `(channels, height // factor, width // factor)`, 0 to 255.

        Raises:
            LeveretUsageError: `factor` below 1, or larger than a side.
            LeveretDataError: the file is damaged, or gone; with the path.
        """
        if not 1 <= factor <= min(self.height, self.width):
            raise LeveretUsageError(
                f"factor must be from 1 to the shorter side, {min(self.height, self.width)}, got {factor!r}"
            )
        height, width = self.height // factor, self.width // factor
        drafted = next((n for n in (8, 4, 2) if factor % n == 0), 1) if self.format == "JPEG" else 1
        if drafted > 1:
            pixels = self._drafted(lambda side: side // drafted)
            left = factor // drafted
            return mean_squares(pixels[:, : height * left, : width * left], left)
        area = stored_box(Box(0, 0, width * factor, height * factor), self._reader.size, self._reader.orientation)
        small = np.empty(
            (self.channels, (area.bottom - area.top) // factor, (area.right - area.left) // factor), np.float32
        )
        parts = bands(area, factor, (area.right - area.left) * self.channels)
        with self._blaming_the_file():
            for number, pixels in self._reader.read(parts, self.channels):
                part = mean_squares(pixels, factor)
                top = (parts[number].top - area.top) // factor
                small[:, top : top + part.shape[1]] = part
        return turned(small, self._reader.orientation)

    def _drafted(self, wanted: Callable[[int], int]) -> NDArray[np.uint8]:
        """A JPEG at the smallest of its sizes, of which none is below an eighth, that is not below what is wanted.

        Args:
            wanted: of a stored side the length, in pixels.
        """
        with self._blaming_the_file(), self._file.open() as stream:
            image = opened(stream)
            image.draft(None, (max(1, wanted(image.size[0])), max(1, wanted(image.size[1]))))
            orientation = int(image.getexif().get(0x0112, 1))
            return turned(to_pixels(image, self.channels), orientation if 1 <= orientation <= 8 else 1)

    def _averaged(self, times: int) -> NDArray[np.uint8]:
        """The image with squares of `times` pixels a side averaged, read by bands of rows."""
        height, width = self._reader.size
        parts = bands(Box(0, 0, width, height), times, width * self.channels)
        small = np.empty((self.channels, -(-height // times), -(-width // times)), np.uint8)
        with self._blaming_the_file():
            for number, pixels in self._reader.read(parts, self.channels):
                part = pixels if times == 1 else _as_pixels(_as_image(pixels).reduce(times))
                top = parts[number].top // times
                small[:, top : top + part.shape[1]] = part
        return turned(small, self._reader.orientation)

    def _read(self, boxes: list[Box]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Boxes within the image as it is looked at, in the file's order."""
        stored = [stored_box(box, self._reader.size, self._reader.orientation) for box in boxes]
        with self._blaming_the_file():
            for number, pixels in self._reader.read(stored, self.channels):
                yield number, turned(pixels, self._reader.orientation)

    def _checked(self, box: BoxLike, number: int, beyond: bool) -> Box:
        try:
            values = [int(side) for side in box]
            whole = all(int(side) == side for side in box)
        except (TypeError, ValueError):
            values, whole = [], False
        if len(values) != 4 or not whole:
            raise LeveretUsageError(f"box {number} must be left, top, right, bottom in whole pixels, got {box!r}")
        made = Box(*values)
        if made.left >= made.right or made.top >= made.bottom:
            raise LeveretUsageError(
                f"box {number} is empty: {tuple(made)}; right and bottom must lie beyond left and top"
            )
        if not beyond and (made.left < 0 or made.top < 0 or made.right > self.width or made.bottom > self.height):
            raise LeveretUsageError(
                f"box {number}, {tuple(made)}, reaches beyond the image of {self.width} pixels across and "
                f"{self.height} down; fill= says what lies there"
            )
        return made

    @contextmanager
    def _blaming_the_file(self) -> Iterator[None]:
        try:
            yield
        except LeveretDataError as error:
            raise LeveretDataError(f"{self._file}: {error}") from error
        except MemoryError:
            raise
        except Exception as error:
            raise LeveretDataError(f"{self._file}: {reason_of(self._file.source, error)}") from error

    def __repr__(self) -> str:
        return f"TiledImage({self._file}, {self.channels}x{self.height}x{self.width}, {self.format})"


def _as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
