"""The refined features of a batch: coarse ones, in which fine vectors take their places."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leveret.capacity._glance import Glance
from leveret.capacity._look import Look
from leveret.capacity._patches import Patches

__all__ = ["Refining"]


class Refining:
    """The refined features of a batch, as they come to be.

    Args:
        patches, fine: what computes fine vectors.
        images: `(batch, channels, height, width)`.
        coarse: their coarse features.
        order: `(batch, places)` int64, each image's places, the one to be refined first in front.
    """

    def __init__(self, patches: Patches, fine: nn.Module, images: Tensor, coarse: Tensor, order: Tensor) -> None:
        self.patches, self.fine = patches, fine
        self.images, self.coarse, self.order = images, coarse, order
        self.counts = torch.zeros(len(order), dtype=torch.int64, device=order.device)
        self._map: Tensor | None = coarse
        self.samples: list[Tensor] = []
        self.places: list[Tensor] = []
        self.vectors: list[Tensor] = []
        self.ran_on = [0, 0]  # patches, whole images

    def take(self, counts: Tensor) -> None:
        """Compute fine vectors until each image has `counts` of them."""
        rank = torch.arange(self.order.shape[1], device=self.order.device)
        new = (rank >= self.counts[:, None]) & (rank < counts[:, None])
        self.counts = counts
        sample, rank = new.nonzero(as_tuple=True)
        if not len(sample):
            return
        place = self.order[sample, rank]
        vectors, whole = self.patches.at(self.fine, self.images, sample, place)
        self._map = None
        self.samples.append(sample)
        self.places.append(place)
        self.vectors.append(vectors.to(self.coarse.dtype))
        self.ran_on[whole] += len(sample.unique()) if whole else len(sample)

    def map(self) -> Tensor:
        """Fine where computed, else coarse."""
        if self._map is not None:
            return self._map
        batch, channels, rows, columns = self.coarse.shape
        rows_of_vectors = self.coarse.permute(0, 2, 3, 1).reshape(-1, channels)
        at = torch.cat(self.samples) * (rows * columns) + torch.cat(self.places)
        refined = rows_of_vectors.index_copy(0, at, torch.cat(self.vectors))
        self._map = refined.view(batch, rows, columns, channels).permute(0, 3, 1, 2)
        return self._map

    def told(self, logits: Tensor, scores: Tensor, glance: Glance) -> Look:
        none = self.order.new_zeros(0)
        return Look(
            logits=logits,
            saliency=scores,
            counts=self.counts,
            sample=torch.cat([none, *self.samples]),
            place=torch.cat([none, *self.places]),
            fine=torch.cat([self.coarse.new_zeros(0, self.coarse.shape[1]), *self.vectors]),
            coarse=self.coarse,
            refined=self.map(),
            glance=glance,
            first=self.patches.first,
            size=self.patches.extent,
            patches=self.ran_on[0],
            images=self.ran_on[1],
        )
