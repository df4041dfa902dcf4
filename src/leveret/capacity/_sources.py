"""`Source`: images of one size, of which a net asks a coarse view of the whole, and patches."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["InMemory", "Source"]


class Source(Protocol):
    """Images of one size, wherever they are.

    Attributes:
        shape: batch, channels, height and width, at full resolution.
        images: the whole images, `shape`; None where they aren't held in memory.
        view: what the coarse layers see of them, `(batch, channels, height // scale, width // scale)`.
    """

    shape: tuple[int, int, int, int]
    images: Tensor | None
    view: Tensor

    def cut(self, sample: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
        """Patches at full resolution, `(n, channels, *size)`; zeros where they reach past the image.

        Args:
            sample, top, left: `(n,)` int64: which image, and where the patch begins.
            size: height and width.
        """
        ...


class InMemory:
    """A tensor of images, `(batch, channels, height, width)`; see `Source`.

    At a scale above 1 the view is the mean of each square of `scale` pixels a side, of those that are whole.
    """

    def __init__(self, images: Tensor, scale: int = 1) -> None:
        batch, channels, height, width = images.shape
        self.shape = (batch, channels, height, width)
        self.images: Tensor | None = images
        self.view = images if scale == 1 else F.avg_pool2d(images, scale)
        self._pixels = images

    def cut(self, sample: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
        images = self._pixels
        rows, columns = _beyond(top, size[0], images.shape[2]), _beyond(left, size[1], images.shape[3])
        if any((*rows, *columns)):
            images = F.pad(images, (*columns, *rows))
            top, left = top + rows[0], left + columns[0]
        # a view of all windows, of which only the chosen ones are copied
        return images.unfold(2, size[0], 1).unfold(3, size[1], 1)[sample, :, top, left]


def _beyond(first: Tensor, size: int, pixels: int) -> tuple[int, int]:
    """How far windows reach past an image, before and after it."""
    before, after = torch.stack([-first.min(), first.max() + size - pixels]).clamp(min=0).tolist()
    return before, after
