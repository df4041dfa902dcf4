"""Where a local net looks: the field of the image that each place of its grid of features sees.

A net is local where place i of its grid depends on a field of fixed size that moves by a fixed stride: along each axis
the pixels `start + i · stride` up to that plus `size`, both whole numbers of pixels. Convolutions, pools and paddings
compose by

    size  ← size + (window − 1) · stride,   window = dilation · (kernel − 1) + 1
    start ← start − padding · stride
    stride ← stride · (the layer's stride)

so that a field may begin before the image, where layers have padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Axis", "Geometry"]


@dataclass(frozen=True)
class Axis:
    """The geometry along one axis, in pixels; the default is that of the image itself.

    Attributes:
        stride: from one place's field to the next one's.
        size: of a field.
        start: first pixel of place 0's field; below 0 where it begins in padding.
        margin: so that an image of n pixels has `(n + margin) // stride + 1` places.
        padded: whether any layer pads.
    """

    stride: int = 1
    size: int = 1
    start: int = 0
    margin: int = -1
    padded: bool = False

    def then(self, kernel: int, stride: int = 1, before: int = 0, after: int = 0, dilation: int = 1) -> Axis:
        """With one layer more: a window of `kernel` taps, `dilation` apart, every `stride` features, over features that
        are padded by `before` and `after`."""
        window = dilation * (kernel - 1) + 1
        return Axis(
            self.stride * stride,
            self.size + (window - 1) * self.stride,
            self.start - before * self.stride,
            # ⌊(⌊(n + a)/s⌋ + b)/t⌋ = ⌊(n + a + s·b)/(s·t)⌋: layers that each drop a rest drop one together
            self.margin + self.stride * (1 + before + after - window),
            self.padded or bool(before or after),
        )

    def merged(self, other: Axis) -> Axis:
        """Of the sum of two branches of the same stride: the field that holds both fields."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        # where branches round differently, only images that both fit get through
        margin = min(self.margin, other.margin)
        return Axis(self.stride, end - start, start, margin, self.padded or other.padded)

    def places(self, pixels: int) -> int:
        """How many places an image of so many pixels has; 0 where it is smaller than a field."""
        return max(0, (pixels + self.margin) // self.stride + 1)

    def window(self, pixels: int) -> int:
        """The side of the windows that give every place of such an image just what the whole image gives it.

        Without padding it is a field. With padding it is a field, what aligns it with the stride, and up to a stride
        more, so that a window can end where the image ends: there the layers pad the window as they pad the image.
        """
        if not self.padded:
            return self.size
        least = self.size + self.start % self.stride
        return min(pixels, least + (pixels - least) % self.stride)

    def begins(self, pixels: int, places: Tensor) -> Tensor:
        """The first pixel of the window that each of `places`, int64, is computed from."""
        if not self.padded:
            return self.start + self.stride * places
        first = self.stride * (places + self.start // self.stride)
        return first.clamp(0, pixels - self.window(pixels))

    def padding(self, pixels: int) -> tuple[int, int]:
        """Pixels to add before and after an image so that all fields lie within it; below 0 where some are unused."""
        last = self.start + self.stride * (self.places(pixels) - 1) + self.size
        return -self.start, last - pixels

    def inside(self, pixels: int) -> Tensor:
        """Whether each place's field lies wholly on the image: `(places,)` bool."""
        first = self.start + self.stride * torch.arange(self.places(pixels))
        return (first >= 0) & (first + self.size <= pixels)

    @property
    def least(self) -> int:
        """The smallest image that has a place, in pixels: a field less what the layers pad around it."""
        return max(1, -self.margin)

    def crops(self, pixels: int, size: int) -> tuple[int, int, int]:
        """How to cut crops of `size` pixels for places of such an image.

        Returns:
            Pixels to add before and after the image, so that the crop of place i begins at `i · stride` of what comes
            of it; and which place of the crop's own grid is meant, the one in its middle.
        """
        middle = self.places(size) // 2
        before = middle * self.stride
        last = self.stride * (self.places(pixels) - 1) + size - before
        return before, max(0, last - pixels), middle

    @property
    def centre(self) -> float:
        """The middle of place 0's field."""
        return self.start + (self.size - 1) / 2


@dataclass(frozen=True)
class Geometry:
    """Of a local net: the axes of its rows and of its columns."""

    rows: Axis = Axis()
    columns: Axis = Axis()

    def then(
        self,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        before: tuple[int, int] = (0, 0),
        after: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
    ) -> Geometry:
        """With one layer more; `kernel`, `stride`, `before`, `after` and `dilation` as for `Axis`, of rows, columns."""
        return Geometry(
            self.rows.then(kernel[0], stride[0], before[0], after[0], dilation[0]),
            self.columns.then(kernel[1], stride[1], before[1], after[1], dilation[1]),
        )

    def merged(self, other: Geometry) -> Geometry:
        """Of the sum of two branches."""
        return Geometry(self.rows.merged(other.rows), self.columns.merged(other.columns))

    @property
    def stride(self) -> tuple[int, int]:
        """Pixels from one feature to the next, `(rows, columns)`."""
        return self.rows.stride, self.columns.stride

    @property
    def size(self) -> tuple[int, int]:
        """Of a field, `(height, width)`."""
        return self.rows.size, self.columns.size

    @property
    def start(self) -> tuple[int, int]:
        """The first pixel `(y, x)` of the field of place (0, 0)."""
        return self.rows.start, self.columns.start

    @property
    def padded(self) -> bool:
        """Whether any layer pads."""
        return self.rows.padded or self.columns.padded

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of places on such an image."""
        return self.rows.places(height), self.columns.places(width)

    def window(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the windows that `Axis.window` tells of."""
        return self.rows.window(height), self.columns.window(width)

    def inside(self, height: int, width: int) -> Tensor:
        """Which places' fields lie wholly on the image: `(rows, columns)` bool."""
        return self.rows.inside(height)[:, None] & self.columns.inside(width)[None, :]
