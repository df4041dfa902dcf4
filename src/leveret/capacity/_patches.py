"""Fine features at chosen places: all patches of a batch in one call, or the whole images where that is cheaper."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.capacity._geometry import Axis, Geometry
from leveret.capacity._sources import InMemory, Source
from leveret.capacity._twin import unpadded
from leveret.nets import layer_operations

__all__ = ["Borders", "Patches"]

Borders = Literal["exact", "zeros", "crop"]


class Patches:
    """Runs a local net at some places of a batch's images.

    Three definitions of a place, which differ where layers pad:

    - "exact": as the net itself has it when it is run on the whole image, its layers' paddings included. The patch is
      then a window that begins at a multiple of the stride, or where the image begins or ends, as `Axis.window` says.
    - "zeros": the image goes on in zeros, and the layers pad nothing, so that a patch is just a field. It costs less
      where layers pad.
    - "crop": the patch is an image of its own, and the layers pad it as they pad any: the place in the middle of its
      grid is taken. Where it reaches past the image it goes on in zeros. It can be as small as the smallest image that
      the net takes, and costs the least; but it isn't what the net has for the same place of the whole image.

    Of a net that doesn't pad all are the same, but for a crop larger than a field.

    Args:
        geometry: of the net.
        borders: which.
        patch_size: height and width of a crop, at least `Axis.least`, which is the default.
    """

    def __init__(self, geometry: Geometry, borders: Borders, patch_size: tuple[int, int] | None = None) -> None:
        self.geometry = geometry
        self.borders: Borders = borders if geometry.padded or patch_size else "exact"
        self.patch_size = patch_size or (geometry.rows.least, geometry.columns.least)
        self._costs: dict[tuple[int, ...], tuple[int, int]] = {}

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a patch of such an image."""
        if self.borders == "crop":
            return self.patch_size
        return self.geometry.size if self.borders == "zeros" else self.geometry.window(height, width)

    @property
    def first(self) -> tuple[int, int]:
        """The first pixel `(y, x)` that place (0, 0) stands for."""
        if self.borders != "crop":
            return self.geometry.start
        axes = self.geometry.rows, self.geometry.columns
        rows, columns = (-axis.crops(size, size)[0] for axis, size in zip(axes, self.patch_size, strict=True))
        return rows, columns

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of what a place stands for."""
        return self.patch_size if self.borders == "crop" else self.geometry.size

    def whole_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what the net runs on for all places of such an image."""
        if self.borders != "zeros":
            return height, width
        rows, columns = self.geometry.rows, self.geometry.columns
        return height + sum(rows.padding(height)), width + sum(columns.padding(width))

    def alone(self, net: nn.Module) -> nn.Module:
        """The net that runs on patches: without its paddings where "zeros" says so."""
        return unpadded(net) if self.borders == "zeros" else net

    def whole(self, net: nn.Module, images: Tensor) -> Tensor:
        """The features of all places, `(batch, channels, rows, columns)`; with "crop" those of the whole image."""
        return self.alone(net)(self._extended(images) if self.borders == "zeros" else images)

    def at(self, net: nn.Module, images: Tensor, sample: Tensor, place: Tensor) -> tuple[Tensor, bool]:
        """The features at some places, in one call of the net, and whether it ran on whole images.

        Args:
            net: what `geometry` is of.
            images: `(batch, channels, height, width)`.
            sample: `(n,)` int64, which image each place is of; n at least 1.
            place: `(n,)` int64, `row · columns + column`.

        Returns:
            `(n, channels)`.
        """
        height, width = images.shape[2:]
        columns = self.geometry.grid(height, width)[1]
        row, column = place // columns, place % columns
        of_patch, of_image = self.costs(net, images.shape[1], height, width)
        which, back = sample.unique(return_inverse=True)
        # a crop's features aren't the whole image's, whatever they cost
        if self.borders != "crop" and len(sample) * of_patch >= len(which) * of_image:
            chosen = images if len(which) == len(images) else images[which]
            return self.whole(net, chosen)[back, :, row, column], True
        return self.across(net, [(InMemory(images), sample, place)]), False

    def across(self, net: nn.Module, wanted: Sequence[tuple[Source, Tensor, Tensor]]) -> Tensor:
        """The features at some places of several sources, from patches alone, in one call of the net.

        Args:
            net: what `geometry` is of.
            wanted: sources with places of theirs, `sample` and `place` as in `at`; one place at least, and the patches
                of all of one size.

        Returns:
            `(n, channels)`, source after source.
        """
        patches, rows, columns = [], [], []
        for source, sample, place in wanted:
            height, width = source.shape[2:]
            side = self.geometry.grid(height, width)[1]
            size = self.size(height, width)
            top, row = self._window(self.geometry.rows, height, size[0], place // side)
            left, column = self._window(self.geometry.columns, width, size[1], place % side)
            patches.append(source.cut(sample, top, left, size))
            rows.append(row)
            columns.append(column)
        features = self.alone(net)(torch.cat(patches))
        return features[torch.arange(len(features), device=features.device), :, torch.cat(rows), torch.cat(columns)]

    def _window(self, axis: Axis, pixels: int, size: int, places: Tensor) -> tuple[Tensor, Tensor]:
        """Along one axis: where each place's patch begins, and which place of the patch's own grid it is."""
        if self.borders == "exact":
            first = axis.begins(pixels, places)
            return first, places - first // axis.stride
        if self.borders == "zeros":
            return axis.start + axis.stride * places, torch.zeros_like(places)
        before, _, middle = axis.crops(pixels, size)
        return axis.stride * places - before, torch.full_like(places, middle)

    def costs(self, net: nn.Module, channels: int, height: int, width: int) -> tuple[int, int]:
        """Multiply-accumulates of a patch and of the whole image; pixels where they can't be counted."""
        key = (channels, height, width)
        if key not in self._costs:
            patch, image = self.size(height, width), self.whole_size(height, width)
            run = self.alone(net)
            counted = _counted(run, channels, patch, image)
            self._costs[key] = counted or (patch[0] * patch[1], image[0] * image[1])
        return self._costs[key]

    def _extended(self, images: Tensor) -> Tensor:
        """The images, with zeros where fields reach past them."""
        rows = self.geometry.rows.padding(images.shape[2])
        columns = self.geometry.columns.padding(images.shape[3])
        return F.pad(images, (*columns, *rows))


def _counted(net: nn.Module, channels: int, *sizes: tuple[int, int]) -> tuple[int, int] | None:
    """Multiply-accumulates for images of each size, counted without computing; None for a net that needs values."""
    try:
        copied = copy.deepcopy(net).to("meta")
        for module in copied.modules():
            module._forward_hooks.clear()  # a user's hooks are for what is computed
        like = next((p.dtype for p in copied.parameters() if p.is_floating_point()), torch.float32)
        totals = [
            sum(count for _, count in layer_operations(copied, torch.zeros(1, channels, *s, dtype=like, device="meta")))
            for s in sizes
        ]
    except Exception:  # whatever a user's code, or a layer that computes by kernels, does without values
        return None
    return (totals[0], totals[1]) if all(totals) else None
