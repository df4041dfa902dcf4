"""`Look`: what a dynamic capacity net did with a batch of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from leveret.capacity._glance import Glance

__all__ = ["Look"]


@dataclass
class Look:
    """What a dynamic capacity net saw, where it looked closer, and what it concluded.

    Attributes:
        logits: `(batch, num_classes)`, of the refined features; gradients go back through them.
        saliency: `(batch, rows, columns)`, the selector's scores.
        counts: `(batch,)` int64: places that each image's fine look took.
        sample, place: `(n,)` int64: for each fine vector the image, and `row · columns + column`; each image's in the
            order in which they were chosen.
        fine: `(n, D)`, the fine vectors at those places, with their gradient.
        coarse: `(batch, D, rows, columns)`, the features before, with their gradient: the coarse layers', or those that
            the level before refined.
        refined: the same shape: fine where it was computed, else coarse.
        glance: what the selector saw.
        first, size: the first pixel `(y, x)` that place (0, 0) stands for, and `(height, width)` of what a place does.
        stride: pixels from place to place, down and across.
        patches: how many windows the fine layers ran on; 0 where whole images were cheaper.
        images: how many whole images they ran on.
        finer: the next level's look, which begins with what this one refined; None after the last. `logits` are the
            last level's in all of them.
    """

    logits: Tensor
    saliency: Tensor
    counts: Tensor
    sample: Tensor
    place: Tensor
    fine: Tensor
    coarse: Tensor
    refined: Tensor
    glance: Glance
    first: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]
    patches: int
    images: int
    finer: Look | None = None

    @property
    def levels(self) -> tuple[Look, ...]:
        """This look and the finer ones after it."""
        return (self, *(self.finer.levels if self.finer else ()))

    @property
    def coarse_logits(self) -> Tensor:
        """The prediction before the closer look, `(batch, num_classes)`, without gradient; the top in eval mode."""
        return self.glance.logits

    @property
    def chosen(self) -> tuple[Tensor, ...]:
        """For each image the places of its closer look, in order: `(count, 2)` int64 of row and column."""
        columns = self.saliency.shape[2]
        places = torch.stack([self.place // columns, self.place % columns], 1)
        # rounds may have interleaved the images; a stable sort keeps each one's order
        order = self.sample.argsort(stable=True)
        return places[order].split(self.counts.tolist())

    @property
    def boxes(self) -> tuple[Tensor, ...]:
        """The pixels that those places stand for: `(count, 4)` int64 of top, left, bottom, right, the ends exclusive.

        They are the fine layers' fields, or the crops, either of which may reach past the image.
        """
        stride, start, size = (torch.tensor(v) for v in (self.stride, self.first, self.size))
        firsts = [start + stride * places.cpu() for places in self.chosen]
        return tuple(torch.cat([first, first + size], 1) for first in firsts)

    def chosen_coarse(self) -> Tensor:
        """The coarse vectors at the chosen places, `(n, D)`, with their gradient; in `fine`'s order."""
        columns = self.saliency.shape[2]
        return self.coarse[self.sample, :, self.place // columns, self.place % columns]
