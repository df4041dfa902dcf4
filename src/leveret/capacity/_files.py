"""Images one by one, of any sizes, in memory or in files of which only a view and patches are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from leveret.capacity._extent import Extent
from leveret.capacity._sources import InMemory, Source
from leveret.data import Normalization, TiledImage
from leveret.errors import LeveretUsageError

__all__ = ["InFile", "sources_of"]


class InFile:
    """An image in a file, a batch of 1; see `Source`. The view is read at once, patches when they are asked for.

    Args:
        image: the file.
        size: height and width of the part that is looked at, from the upper left.
        scale: from that to the view.
        normalization: of pixels.
        like: a tensor of the dtype and device that the net computes in.
    """

    def __init__(
        self, image: TiledImage, size: tuple[int, int], scale: int, normalization: Normalization, like: Tensor
    ) -> None:
        self.shape = (1, image.channels, *size)
        self.images: Tensor | None = None
        self._image, self._normalization, self._like = image, normalization, like
        means = image.reduced(scale)[:, : size[0] // scale, : size[1] // scale]
        self.view = torch.from_numpy(normalization.apply(means[None])).to(like)

    def cut(self, sample: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = self.shape[2:]
        firsts = torch.stack([top, left], 1).cpu().numpy()
        begins = firsts.clip(0, (height, width))
        ends = (firsts + size).clip(0, (height, width))
        seen = np.flatnonzero((begins < ends).all(1))
        boxes = np.concatenate([begins[:, ::-1], ends[:, ::-1]], 1)[seen]
        patches = np.zeros((len(firsts), self.shape[1], *size), np.float32)
        for i, pixels in zip(seen, self._image.regions(boxes), strict=True):
            y, x = begins[i] - firsts[i]
            inside = (i, slice(None), slice(y, y + pixels.shape[1]), slice(x, x + pixels.shape[2]))
            patches[inside] = self._normalization.apply(pixels[None])[0]
        return torch.from_numpy(patches).to(self._like)


def sources_of(
    images: Sequence[Any], channels: int, scale: int, extent: Extent, normalization: Normalization | None, like: Tensor
) -> list[Source]:
    """A source for each image; arguments and errors are those of `DynamicCapacityNet.look_at`.

    Args:
        channels: that images must have.
        extent: what is looked at of an image.
        scale, like: as of `InFile`.
    """
    if isinstance(images, (Tensor, TiledImage)) or not len(images):
        raise LeveretUsageError(f"images must be a list of at least one image, got {_described(images)}")
    normalization = normalization or Normalization((0.0,) * channels, (1.0,) * channels)
    if len(normalization.mean) != channels:
        raise LeveretUsageError(
            f"normalization is of {len(normalization.mean)} channels, and the net takes images of {channels}"
        )
    sources: list[Source] = []
    for number, image in enumerate(images):
        _check(image, number, channels)
        try:
            size = extent.of(*image.shape[1:])
        except LeveretUsageError as error:
            raise LeveretUsageError(f"image {number}, {_described(image)}: {error}") from None
        if isinstance(image, TiledImage):
            sources.append(InFile(image, size, scale, normalization, like))
        else:
            sources.append(InMemory(image[None, :, : size[0], : size[1]], scale))
    return sources


def _check(image: Any, number: int, channels: int) -> None:
    tensor = isinstance(image, Tensor)
    if not isinstance(image, TiledImage) and not (tensor and image.dim() == 3 and image.is_floating_point()):
        raise LeveretUsageError(
            f"image {number} must be a tensor ({channels}, height, width) of floats or a TiledImage, got "
            f"{_described(image)}"
        )
    if image.shape[0] != channels:
        hint = "" if tensor or channels not in (1, 3) else f"; TiledImage(…, channels={channels}) reads it so"
        raise LeveretUsageError(
            f"image {number}, {_described(image)}, has {image.shape[0]} channels, and the net takes {channels}{hint}"
        )


def _described(image: Any) -> str:
    if isinstance(image, (Tensor, np.ndarray)):
        return f"a {type(image).__name__} {tuple(image.shape)} of {image.dtype}"
    return repr(image) if isinstance(image, TiledImage) else f"a {type(image).__name__}"
