"""Parts of images with masks, read from disk as they are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.data._pixels import WORKERS
from leveret.data.segmentation._masks import IGNORED, MaskReader
from leveret.data.segmentation._scan import read_pair
from leveret.errors import LeveretDataError

__all__ = ["PairSource", "SegmentationSplit", "median_frequency_weights", "window"]

Pair = tuple[NDArray[np.uint8], NDArray[np.int16]]


@dataclass
class PairSource:
    """Where pairs come from: files, which are decoded in a few threads each time that they are asked for, or once.

    Attributes:
        images, masks, where: of all samples; see `Pairs`.
        reader: of the masks.
        shape: `(channels, height, width)` of what `fetch` gives.
        scale: of the images' sides.
        in_memory: hold what was decoded; such arrays can't be written to.
    """

    images: Sequence[Any]
    masks: Sequence[Any]
    where: Sequence[str]
    reader: MaskReader
    shape: tuple[int, int, int]
    scale: float = 1.0
    in_memory: bool = False
    _pool: ThreadPoolExecutor | None = None
    _held: dict[int, Pair] = field(default_factory=dict)

    def pairs(self, places: NDArray[np.int64]) -> list[Pair]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS)
        return list(self._pool.map(self._pair, places.tolist()))

    def _pair(self, place: int) -> Pair:
        held = self._held.get(place)
        if held is not None:
            return held
        pair = self._read(place)
        if self.in_memory:
            for array in pair:
                array.flags.writeable = False
            self._held[place] = pair
        return pair

    def _read(self, place: int) -> Pair:
        try:
            return read_pair(self.images[place], self.masks[place], self.reader, self.shape[0], self.scale)
        except LeveretDataError as error:
            raise LeveretDataError(f"{self.where[place]}: {error}") from error

    def __getstate__(self) -> dict[str, Any]:
        # threads don't travel to another process, and what was decoded is decoded there as quickly as it is sent
        return {**self.__dict__, "_pool": None, "_held": {}}


class SegmentationSplit:
    """One part of images with masks. Nothing is decoded before it is fetched, nor held after, unless it was asked for.

    Attributes:
        name: "train", "val" or "test".
        num_classes: of the whole data, also those that this part lacks.
        pixel_counts: `(n, num_classes)` int64, labelled pixels of each class in each image.
    """

    def __init__(
        self, name: str, source: PairSource, places: NDArray[np.int64], pixel_counts: NDArray[np.int64]
    ) -> None:
        self.name = name
        self.pixel_counts = pixel_counts
        self.num_classes = pixel_counts.shape[1]
        self._source = source
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> NDArray[np.int64]:
        """Where the samples stand in the source, `(n,)`."""
        return self._places

    @property
    def where(self) -> list[str]:
        """What names each sample in messages and reports."""
        return [self._source.where[place] for place in self._places.tolist()]

    def pairs(self, indices: ArrayLike) -> list[Pair]:
        """Images `(channels, height, width)` uint8 with labels `(height, width)` int16, each in a size of its own."""
        return self._source.pairs(self._places[np.asarray(indices, dtype=np.int64)])

    def fetch_pairs(self, indices: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """`fetch` and `masks` at once."""
        channels, height, width = self._source.shape
        found = [window(*pair, height, width) for pair in self.pairs(indices)]
        if not found:
            return np.empty((0, channels, height, width), np.uint8), np.empty((0, height, width), np.int64)
        return np.stack([pixels for pixels, _ in found]), np.stack([labels for _, labels in found]).astype(np.int64)

    def fetch(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """The images at `indices`, uint8 `(n, channels, height, width)`.

        Images of another size than the data's are cut about their centre, or continued from their border, without being
        scaled; see `masks`.
        """
        return self.fetch_pairs(indices)[0]

    def masks(self, indices: ArrayLike) -> NDArray[np.int64]:
        """The labels of the same pixels, int64 `(n, height, width)` from 0; −100 where there is none, as beyond an
        image's border."""
        return self.fetch_pairs(indices)[1]

    def subset(self, indices: ArrayLike) -> SegmentationSplit:
        """A split of only the samples at `indices`, in that order; nothing is copied."""
        chosen = np.asarray(indices)
        if chosen.dtype != bool:
            chosen = chosen.astype(np.int64)
        return SegmentationSplit(self.name, self._source, self._places[chosen], self.pixel_counts[chosen])

    def class_counts(self) -> NDArray[np.int64]:
        """Labelled pixels of each class, `(num_classes,)`."""
        return self.pixel_counts.sum(0)

    def image_counts(self) -> NDArray[np.int64]:
        """Images in which each class occurs, `(num_classes,)`."""
        return (self.pixel_counts > 0).sum(0)

    def __repr__(self) -> str:
        return f"SegmentationSplit({self.name!r}, {len(self)} images, {self.num_classes} classes)"


def median_frequency_weights(split: SegmentationSplit) -> NDArray[np.float32]:
    """A weight for each class, `(num_classes,)` float32: the median frequency over the class's own.

    A class's frequency is its share of the labelled pixels of the images in which it occurs; the median is over the
    classes that occur. One that doesn't occur weighs 0.

    Source: Eigen and Fergus, "Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
    Convolutional Architecture", ICCV 2015, on semantic labels: α_c = median_freq / freq(c).
    """
    counts = split.pixel_counts
    there = counts > 0
    of_images = (there * counts.sum(1, keepdims=True)).sum(0)
    occurs = of_images > 0
    frequency = counts.sum(0)[occurs] / of_images[occurs]
    weights = np.zeros(split.num_classes, np.float32)
    if occurs.any():
        weights[occurs] = np.median(frequency) / frequency
    return weights


def window(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int16],
    height: int,
    width: int,
    top: int | None = None,
    left: int | None = None,
) -> Pair:
    """A part of an image and its labels, of `height` x `width`; beyond the border the image goes on as it ends there,
    and nothing is labelled.

    Args:
        pixels, labels: `(channels, height, width)` uint8, and `(height, width)`.
        height, width: of the part, in pixels.
        top, left: of the part; they may lie outside. Default: about the centre.
    """
    if labels.shape == (height, width) and not top and not left:
        return pixels, labels
    top = (labels.shape[0] - height) // 2 if top is None else top
    left = (labels.shape[1] - width) // 2 if left is None else left
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    near_rows, near_columns = rows.clip(0, labels.shape[0] - 1), columns.clip(0, labels.shape[1] - 1)
    cut = labels[near_rows[:, None], near_columns]
    cut[rows != near_rows] = IGNORED
    cut[:, columns != near_columns] = IGNORED
    return pixels[:, near_rows[:, None], near_columns], cut
