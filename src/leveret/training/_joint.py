"""Augmentation of images together with their masks, before they are normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["JointAugment", "JointAugmentation"]

Pixels = NDArray[np.uint8]
Masks = NDArray[np.int16]
Pair = tuple[Pixels, Masks]


@runtime_checkable
class JointAugmentation(Protocol):
    """What augments images with masks: what is done to one is done to the other."""

    def joint(self, pairs: Sequence[Pair], generator: np.random.Generator) -> tuple[Pixels, NDArray[np.int64]]:
        """Images and masks of one size.

        Args:
            pairs: images `(channels, height, width)` uint8 and labels `(height, width)` int16 (−100: none), each pair
                of a size of its own.
            generator: to draw from, and from nothing else.

        Returns:
            uint8 `(n, channels, height, width)` and int64 `(n, height, width)`.
        """
        ...


@dataclass(frozen=True)
class JointAugment:
    """Mirror, scale and cut, an image and its mask alike, each pair for itself.

    A random factor is drawn, log-uniformly; then a window of `crop` pixels a side is cut at a random place of the image
    so scaled (bilinear for images, nearest for masks). Where the image is smaller than the window it lies at a random
    place in it: pixels go on as the border ends, without labels.

    Attributes:
        crop: height and width of what is cut, one number for squares.
        flip: mirror left to right, every other pair on average.
        scale: least and largest factor; (1, 1) for none.

    Raises:
        LeveretUsageError: a crop below 1, a scale that isn't 0 < least <= largest.
    """

    crop: int | tuple[int, int]
    flip: bool = True
    scale: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise LeveretUsageError(f"crop must be at least 1 pixel a side, got {self.crop}")
        least, largest = self.scale
        if not 0 < least <= largest:
            raise LeveretUsageError(f"scale must be the least and the largest factor, above 0; got {self.scale}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what is cut."""
        return (self.crop, self.crop) if isinstance(self.crop, int) else self.crop

    def joint(self, pairs: Sequence[Pair], generator: np.random.Generator) -> tuple[Pixels, NDArray[np.int64]]:
        """As `JointAugmentation` has it."""
        # all draws at once: what becomes of a pair doesn't depend on the sizes of those before it
        logs = np.log(self.scale)
        factors = np.exp(generator.uniform(logs[0], logs[1], len(pairs)))
        places = generator.random((len(pairs), 2))
        mirrored = generator.random(len(pairs)) < 0.5
        cut = []
        for pair, factor, place, mirror in zip(pairs, factors, places, mirrored, strict=True):
            pixels, labels = self._cut(*pair, float(factor), place)
            cut.append((pixels[..., ::-1], labels[:, ::-1]) if self.flip and mirror else (pixels, labels))
        return np.stack([pixels for pixels, _ in cut]), np.stack([labels for _, labels in cut]).astype(np.int64)

    def as_dict(self) -> dict[str, Any]:
        """The settings, for a config file."""
        return {"crop": list(self.size), "flip": self.flip, "scale": list(self.scale)}

    def _cut(self, pixels: Pixels, labels: Masks, factor: float, place: NDArray[np.float64]) -> Pair:
        from leveret.data.segmentation import window

        # first what the window shows of the image as it is, so that nothing is scaled in vain
        own = labels.shape
        spans = []
        starts = []
        for side, length, share in zip(self.size, own, place, strict=True):
            whole = max(1, round(length * factor))
            start = int(np.floor(share * (abs(whole - side) + 1))) * (1 if whole >= side else -1)
            first, last = max(start, 0), min(start + side, whole)
            spans.append((first * length / whole, last * length / whole, last - first))
            starts.append(min(start, 0))
        (top, bottom, height), (left, right, width) = spans
        if (height, width) != own or factor != 1:
            box = (left, top, right, bottom)
            pixels, labels = _resized(pixels, labels, (height, width), box)
        return window(pixels, labels, *self.size, top=starts[0], left=starts[1])


def _resized(pixels: Pixels, labels: Masks, size: tuple[int, int], box: tuple[float, float, float, float]) -> Pair:
    from PIL import Image

    height, width = size
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR, box)) for plane in pixels
    ]
    left, top, right, bottom = box
    rows = (top + (np.arange(height) + 0.5) * ((bottom - top) / height)).astype(np.int64).clip(0, labels.shape[0] - 1)
    columns = (left + (np.arange(width) + 0.5) * ((right - left) / width)).astype(np.int64).clip(0, labels.shape[1] - 1)
    return np.stack(planes), labels[rows[:, None], columns]
