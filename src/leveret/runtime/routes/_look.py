"""`CapacityLook`: what a packed dynamic capacity net did with a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CapacityLook"]


@dataclass(frozen=True)
class CapacityLook:
    """What a packed dynamic capacity net saw, where it looked closer, and what it concluded.

    Attributes:
        logits: `(batch, num_classes)` float32.
        coarse_logits: the prediction before the closer look, of the same shape.
        saliency: `(batch, rows, columns)` float32, the scores of places.
        counts: `(batch,)` int64: places that each image's fine look took.
        sample, place: `(n,)` int64: for each of them the image, and `row · columns + column`; each image's in the order
            in which they were chosen.
        first, stride, size: `(y, x)` in pixels: where what place (0, 0) stands for begins, how far the next place's is
            from there, and how large it is.
        patches: how many windows the fine layers ran on; 0 where whole images were cheaper.
        images: how many whole images they ran on.
    """

    logits: NDArray[np.float32]
    coarse_logits: NDArray[np.float32]
    saliency: NDArray[np.float32]
    counts: NDArray[np.int64]
    sample: NDArray[np.int64]
    place: NDArray[np.int64]
    first: tuple[int, int]
    stride: tuple[int, int]
    size: tuple[int, int]
    patches: int
    images: int

    @property
    def chosen(self) -> tuple[NDArray[np.int64], ...]:
        """For each image the places of its closer look, in order: `(count, 2)` int64 of row and column."""
        columns = self.saliency.shape[2]
        places = np.stack([self.place // columns, self.place % columns], 1)
        # rounds may have interleaved the images; a stable sort keeps each one's order
        order = np.argsort(self.sample, kind="stable")
        return tuple(np.split(places[order], np.cumsum(self.counts)[:-1]))

    @property
    def boxes(self) -> tuple[NDArray[np.int64], ...]:
        """The pixels that those places stand for: `(count, 4)` int64 of top, left, bottom, right, the ends exclusive;
        they may reach past the image."""
        stride, first, size = (np.array(pair) for pair in (self.stride, self.first, self.size))
        firsts = [first + stride * places for places in self.chosen]
        return tuple(np.concatenate([begin, begin + size], 1) for begin in firsts)
