"""Augmentation of whole batches of pixels, before they are normalised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["Augment", "Augmentation"]

Pixels = NDArray[np.uint8]
# any function of pixels (batch, channels, height, width) and a generator will do
Augmentation = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Augment:
    """Mirror, shift and cut holes, each image for itself, a whole batch at once.

    Called with pixels `(batch, channels, height, width)` uint8 and a generator; gives new pixels of the same shape.

    Attributes:
        flip: mirror left to right, every other image on average.
        shift: move by up to so many pixels both ways; what comes in at the border is the image reflected there
            (crops of a padded image, as usual for CIFAR).
        cutout: side in pixels of one square hole at a random place, filled with the batch's mean pixel
            (DeVries & Taylor, 2017); 0 for none. The hole may reach past the border.
    """

    flip: bool = False
    shift: int = 0
    cutout: int = 0

    def __post_init__(self) -> None:
        for name in ("shift", "cutout"):
            if getattr(self, name) < 0:
                raise LeveretUsageError(f"{name} must be at least 0 pixels, got {getattr(self, name)}")

    def __call__(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        n, _, height, width = pixels.shape
        if self.shift:
            pixels = self._shifted(pixels, generator)
        if self.flip:
            mirrored = generator.random((n, 1, 1, 1)) < 0.5
            pixels = np.where(mirrored, pixels[..., ::-1], pixels)
        if self.cutout:
            pixels = self._cut(pixels, generator, height, width)
        return pixels

    def _shifted(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        n, _, height, width = pixels.shape
        if self.shift >= min(height, width):
            raise LeveretUsageError(f"shift must be below the image's side, got {self.shift} for {height}x{width}")
        margin = (self.shift, self.shift)
        padded = np.pad(pixels, ((0, 0), (0, 0), margin, margin), mode="reflect")
        down, right = generator.integers(0, 2 * self.shift + 1, size=(2, n))
        windows = sliding_window_view(padded, (height, width), axis=(2, 3))
        return windows[np.arange(n), :, down, right]

    def _cut(self, pixels: Pixels, generator: np.random.Generator, height: int, width: int) -> Pixels:
        n = len(pixels)
        top = generator.integers(0, height, size=n)[:, None] - self.cutout // 2
        left = generator.integers(0, width, size=n)[:, None] - self.cutout // 2
        rows, columns = np.arange(height)[None], np.arange(width)[None]
        in_rows = (rows >= top) & (rows < top + self.cutout)
        in_columns = (columns >= left) & (columns < left + self.cutout)
        hole = in_rows[:, None, :, None] & in_columns[:, None, None, :]
        mean = pixels.mean((0, 2, 3), keepdims=True).round().astype(np.uint8)
        return np.where(hole, mean, pixels)

    def as_dict(self) -> dict[str, Any]:
        """The settings, for a config file."""
        return asdict(self)
