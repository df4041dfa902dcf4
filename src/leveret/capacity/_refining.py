"""The refined features of images of one size: coarse ones, in which fine vectors take their places."""

from __future__ import annotations

import torch
from torch import Tensor

from leveret.capacity._glance import Glance
from leveret.capacity._look import Look
from leveret.capacity._patches import Patches

__all__ = ["Refining"]


class Refining:
    """The refined features of some images at one level, as they come to be.

    Args:
        glance: the features so far, to be asked again.
        coarse: the same features, with their gradient.
        scores: `(batch, rows, columns)`, the selector's.
        among: `(batch, places)` bool: what may be chosen; None for all.

    Attributes:
        counts: `(batch,)` int64: fine vectors of each image.
        most: `(batch,)` int64: how many it may have.
    """

    def __init__(self, glance: Glance, coarse: Tensor, scores: Tensor, among: Tensor | None) -> None:
        self.glance, self.coarse, self.scores = glance, coarse, scores
        flat = scores.flatten(1)
        self._among = torch.ones_like(flat, dtype=torch.bool) if among is None else among
        self.order = flat.argsort(dim=1, descending=True, stable=True)
        if among is not None:
            # those that may be chosen in front, each part in its order
            last = (~among).gather(1, self.order).to(torch.uint8)
            self.order = self.order.gather(1, last.argsort(dim=1, stable=True))
        self.most = self._among.sum(1)
        self.counts = torch.zeros_like(self.most)
        self._map: Tensor | None = coarse
        none = self.order.new_zeros(0)
        self._samples = [none]
        self._places = [none]
        self._vectors = [coarse.new_zeros(0, coarse.shape[1])]
        self._ran_on = [0, 0]  # patches, whole images

    def candidates(self) -> tuple[Tensor, Tensor]:
        """The scores of all places that may be chosen, and the image of each: `(n,)` both."""
        return self.scores.flatten(1)[self._among], self._among.nonzero()[:, 0]

    def wanted(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The images and the places, `(n,)` int64, that are missing until each image has `counts` fine vectors."""
        rank = torch.arange(self.order.shape[1], device=self.order.device)
        sample, rank = ((rank >= self.counts[:, None]) & (rank < counts[:, None])).nonzero(as_tuple=True)
        return sample, self.order[sample, rank]

    def give(self, counts: Tensor, sample: Tensor, place: Tensor, vectors: Tensor, whole: bool) -> None:
        """Take what was wanted for `counts`; `whole` says whether whole images were run on."""
        self.counts = counts
        if not len(sample):
            return
        self._map = None
        self._samples.append(sample)
        self._places.append(place)
        self._vectors.append(vectors.to(self.coarse.dtype))
        self._ran_on[whole] += len(sample.unique()) if whole else len(sample)

    def map(self) -> Tensor:
        """Fine where computed, else coarse."""
        if self._map is not None:
            return self._map
        batch, channels, rows, columns = self.coarse.shape
        rows_of_vectors = self.coarse.permute(0, 2, 3, 1).reshape(-1, channels)
        at = torch.cat(self._samples) * (rows * columns) + torch.cat(self._places)
        refined = rows_of_vectors.index_copy(0, at, torch.cat(self._vectors))
        self._map = refined.view(batch, rows, columns, channels).permute(0, 3, 1, 2)
        return self._map

    def chosen(self) -> Tensor:
        """Which places are fine: `(batch, places)` bool."""
        found = torch.zeros_like(self._among)
        found[torch.cat(self._samples), torch.cat(self._places)] = True
        return found

    def told(self, logits: Tensor, patches: Patches, finer: Look | None) -> Look:
        return Look(
            logits=logits,
            saliency=self.scores,
            counts=self.counts,
            sample=torch.cat(self._samples),
            place=torch.cat(self._places),
            fine=torch.cat(self._vectors),
            coarse=self.coarse,
            refined=self.map(),
            glance=self.glance,
            first=patches.first,
            size=patches.extent,
            stride=patches.geometry.stride,
            patches=self._ran_on[0],
            images=self._ran_on[1],
            finer=finer,
        )
