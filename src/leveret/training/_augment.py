"""Augmentation of whole batches of pixels, before they are normalised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.training._keyed import KeyedDraws

__all__ = ["Augment", "Augmentation"]

Pixels = NDArray[np.uint8]
# any function of pixels (batch, channels, height, width) and a generator will do
Augmentation = Callable[[Pixels, np.random.Generator], Pixels]


class Draws(Protocol):
    """What an augmentation draws from: numpy's generators, and `KeyedDraws`."""

    def random(self, size: Any) -> NDArray[np.float64]: ...

    def integers(self, low: int, high: int, size: Any) -> NDArray[np.int64]: ...


@dataclass(frozen=True)
class Augment:
    """Mirror, shift and cut holes, each image for itself, a whole batch at once.

    Called with pixels `(batch, channels, height, width)` uint8 and a generator; gives new pixels of the same shape.
    `views` does the same from a key per image.

    Attributes:
        flip: mirror left to right, every other image on average.
        shift: move by up to so many pixels both ways; what comes in at the border is the image reflected there
            (crops of a padded image, as usual for CIFAR).
        cutout: side in pixels of one square hole at a random place, filled with the batch's mean pixel
            (DeVries & Taylor, 2017), the image's own in `views`; 0 for none. The hole may reach past the border.
    """

    flip: bool = False
    shift: int = 0
    cutout: int = 0

    def __post_init__(self) -> None:
        for name in ("shift", "cutout"):
            if getattr(self, name) < 0:
                raise LeveretUsageError(f"{name} must be at least 0 pixels, got {getattr(self, name)}")

    def __call__(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        if pixels.ndim != 4:
            raise LeveretUsageError(
                f"Augment mirrors and shifts images, got an array of shape {pixels.shape}; for a table, give a "
                "function of its rows"
            )
        pixels = self._moved(pixels, generator)
        if self.cutout:
            mean = pixels.mean((0, 2, 3), keepdims=True).round().astype(np.uint8)
            pixels = self._cut(pixels, generator, mean)
        return pixels

    def views(self, pixels: Pixels, keys: NDArray[np.uint64]) -> Pixels:
        """As a call does, but what becomes of image i depends on the image and `keys[i]` alone.

        So the same images and keys give the same views in any order and in batches of any size.

        Args:
            pixels: `(batch, channels, height, width)` uint8.
            keys: `(batch,)` uint64.

        Raises:
            LeveretUsageError: not a key for each image; or as a call.
        """
        keys = np.asarray(keys)
        if keys.shape != pixels.shape[:1] or keys.dtype != np.uint64:
            raise LeveretUsageError(f"keys must be ({len(pixels)},) uint64, got {keys.shape} {keys.dtype}")
        draws = KeyedDraws(keys)
        pixels = self._moved(pixels, draws)
        if self.cutout:
            area = pixels.shape[2] * pixels.shape[3]
            # in whole numbers, as sums of floats depend on how a batch lies in memory
            total = pixels.sum((2, 3), dtype=np.int64, keepdims=True)
            pixels = self._cut(pixels, draws, ((2 * total + area) // (2 * area)).astype(np.uint8))
        return pixels

    def _moved(self, pixels: Pixels, draws: Draws) -> Pixels:
        if self.shift:
            pixels = self._shifted(pixels, draws)
        if self.flip:
            mirrored = draws.random(len(pixels))[:, None, None, None] < 0.5
            pixels = np.where(mirrored, pixels[..., ::-1], pixels)
        return pixels

    def _shifted(self, pixels: Pixels, draws: Draws) -> Pixels:
        n, _, height, width = pixels.shape
        if self.shift >= min(height, width):
            raise LeveretUsageError(f"shift must be below the image's side, got {self.shift} for {height}x{width}")
        margin = (self.shift, self.shift)
        padded = np.pad(pixels, ((0, 0), (0, 0), margin, margin), mode="reflect")
        down, right = draws.integers(0, 2 * self.shift + 1, size=(2, n))
        windows = sliding_window_view(padded, (height, width), axis=(2, 3))
        return windows[np.arange(n), :, down, right]

    def _cut(self, pixels: Pixels, draws: Draws, mean: Pixels) -> Pixels:
        n, _, height, width = pixels.shape
        top = draws.integers(0, height, size=n)[:, None] - self.cutout // 2
        left = draws.integers(0, width, size=n)[:, None] - self.cutout // 2
        rows, columns = np.arange(height)[None], np.arange(width)[None]
        in_rows = (rows >= top) & (rows < top + self.cutout)
        in_columns = (columns >= left) & (columns < left + self.cutout)
        hole = in_rows[:, None, :, None] & in_columns[:, None, None, :]
        return np.where(hole, mean, pixels)

    def as_dict(self) -> dict[str, Any]:
        """The settings, for a config file."""
        return asdict(self)
