"""A map for an image of any size from a packed net of one size: overlapping tiles, blended, in bounded memory.

Tiles of the net's own size lie evenly over the image, their neighbours overlapping by at least a share of them. Each
tile's probabilities count by the distance to the tile's border, where a net knows least of what lies around; where only
one tile lies its class is the likeliest one, just as without tiles. An image smaller than a tile goes on as it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["Regions", "ScaledImage", "segment", "starts"]

_PIXELS = 48 << 20  # bytes of an image that are read at once
_SHARES = 96 << 20  # bytes of blended probabilities that are held at once


class Regions(Protocol):
    """An image that is read by regions, as a `TiledImage` is."""

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def region(self, box: Any) -> NDArray[np.uint8]: ...


@dataclass
class ScaledImage:
    """An image whose regions are scaled as they are read: bicubic, antialiased.

    Attributes:
        image: that is read.
        scale: of its sides.
    """

    image: Regions
    scale: float

    @property
    def height(self) -> int:
        return max(1, round(self.image.height * self.scale))

    @property
    def width(self) -> int:
        return max(1, round(self.image.width * self.scale))

    def region(self, box: Any) -> NDArray[np.uint8]:
        if (self.height, self.width) == (self.image.height, self.image.width):
            return self.image.region(box)
        from PIL import Image

        left, top, right, bottom = box
        across, down = self.image.width / self.width, self.image.height / self.height
        exact = (left * across, top * down, right * across, bottom * down)
        # what the filter reaches beyond the box, too, so that strips meet
        reach_x, reach_y = 2 * max(across, 1) + 1, 2 * max(down, 1) + 1
        outer = (
            max(0, int(exact[0] - reach_x)),
            max(0, int(exact[1] - reach_y)),
            min(self.image.width, int(exact[2] + reach_x) + 1),
            min(self.image.height, int(exact[3] + reach_y) + 1),
        )
        pixels = self.image.region(outer)
        inner = (exact[0] - outer[0], exact[1] - outer[1], exact[2] - outer[0], exact[3] - outer[1])
        size = (right - left, bottom - top)
        return np.stack(
            [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC, inner)) for plane in pixels]
        )


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin, evenly spread, so that neighbours share at least `overlap` places and all is covered."""
    if length <= tile:
        return [0]
    number = 1 + -(-(length - tile) // (tile - overlap))
    return [round(i * (length - tile) / (number - 1)) for i in range(number)]


def segment(
    model: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    image: Regions,
    tile: tuple[int, int],
    classes: int,
    labels: NDArray[np.uint8],
    *,
    overlap: float = 0.25,
    batch: int = 4,
    shares: bool = False,
) -> NDArray[np.int64]:
    """Write the class of each pixel of `image` into `labels`.

    Args:
        model: maps tiles `(n, channels, height, width)` uint8 to logits `(n, classes, height, width)`, or to shares.
        image: that is segmented.
        tile: height and width of the model's images.
        classes: that it tells apart.
        labels: `(image.height, image.width)` uint8, to be filled; an array, or a memory map.
        overlap: share of a tile that neighbours have in common at the least, in [0, 0.9].
        batch: tiles at once.
        shares: the model's outputs are probabilities already.

    Returns:
        Pixels of each class, `(classes,)`.

    Raises:
        LeveretUsageError: `overlap` out of range.
    """
    if not 0 <= overlap <= 0.9:
        raise LeveretUsageError(f"overlap must be a share of a tile in [0, 0.9], got {overlap}")
    height, width = tile
    tops = starts(image.height, height, int(overlap * height))
    lefts = starts(image.width, width, int(overlap * width))
    weight = _weight(height, width)
    counts = np.zeros(classes, np.int64)
    for first, last in _strips(width, image.width, _SHARES // (4 * (classes + 1) * height)):
        own = [left for left in lefts if left < last and left + width > first]
        base, end = own[0], min(own[-1] + width, image.width)
        blended = np.zeros((classes, height, end - base), np.float32)
        done = 0
        for number, (top, tiles) in enumerate(_rows(image, tops, own, tile)):
            # rows above this row of tiles have all that they will get: they are written, and room is made
            if top > done:
                counts += _write(blended, labels, (done, top), (first, last), base)
                blended[:, : height - (top - done)] = blended[:, top - done :].copy()
                blended[:, height - (top - done) :] = 0
                done = top
            for begin in range(0, len(own), batch):
                outputs = model(np.stack(tiles[begin : begin + batch]))
                for left, output in zip(own[begin : begin + batch], outputs, strict=True):
                    across = min(width, image.width - left)
                    part = blended[:, :, left - base : left - base + across]
                    part += ((output if shares else _softmax(output)) * weight)[:, :, :across]
            del tiles
            if number == len(tops) - 1:
                counts += _write(blended, labels, (done, image.height), (first, last), base)
    return counts


def _strips(tile: int, width: int, most: int) -> Iterator[tuple[int, int]]:
    """Columns that are worked on together: all, or parts that are at most `most` wide with the tiles at their sides."""
    if most >= width:
        yield 0, width
        return
    step = max(most - 2 * tile, tile)
    for first in range(0, width, step):
        yield first, min(first + step, width)


def _rows(
    image: Regions, tops: list[int], lefts: list[int], tile: tuple[int, int]
) -> Iterator[tuple[int, list[NDArray[np.uint8]]]]:
    """A row of tiles after the other, from bands that are read in one go: files are read from their beginning."""
    height, width = tile
    left, right = lefts[0], min(lefts[-1] + width, image.width)
    at_once = max(_PIXELS // (3 * (right - left)), height)
    i = 0
    while i < len(tops):
        j = i + 1
        while j < len(tops) and tops[j] + height - tops[i] <= at_once:
            j += 1
        bottom = min(tops[j - 1] + height, image.height)
        band = image.region((left, tops[i], right, bottom))
        for top in tops[i:j]:
            yield top, [_padded(_cut(band, top - tops[i], one - left, tile), tile) for one in lefts]
        i = j


def _cut(band: NDArray[np.uint8], top: int, left: int, tile: tuple[int, int]) -> NDArray[np.uint8]:
    return band[:, top : top + tile[0], left : left + tile[1]]


def _padded(pixels: NDArray[np.uint8], tile: tuple[int, int]) -> NDArray[np.uint8]:
    below, right = tile[0] - pixels.shape[1], tile[1] - pixels.shape[2]
    return np.pad(pixels, ((0, 0), (0, below), (0, right)), mode="edge") if below or right else pixels


def _weight(height: int, width: int) -> NDArray[np.float32]:
    """The distance to the tile's nearer side across, times that down, each from 1, `(height, width)`.

    Their product rather than the less of them: along the image's own border, too, the nearer tile counts more.
    """
    rows, columns = (np.minimum(np.arange(n) + 1, n - np.arange(n)) for n in (height, width))
    return (rows[:, None] * columns[None]).astype(np.float32)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max(0))
    return exponents / exponents.sum(0)


def _write(
    blended: NDArray[np.float32],
    labels: NDArray[np.uint8],
    rows: tuple[int, int],
    columns: tuple[int, int],
    base: int,
) -> NDArray[np.int64]:
    """Write the classes of some rows and columns; `blended` begins with the first of the rows, and at column `base`.

    Gives the pixels of each class.
    """
    part = blended[:, : rows[1] - rows[0], columns[0] - base : columns[1] - base]
    found = part.argmax(0)
    labels[rows[0] : rows[1], columns[0] : columns[1]] = found
    return np.bincount(found.ravel(), minlength=len(blended))
