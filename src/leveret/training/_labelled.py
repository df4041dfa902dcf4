"""`LabelledSampler`: where most samples have no label, still some of each batch have one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Sampler

from leveret.errors import LeveretUsageError

__all__ = ["LabelledSampler"]


class LabelledSampler(Sampler[int]):
    """Draws samples with a label for a share of every batch, and those without for the rest.

    Both are gone through in an order of chance, each sample once before any comes again, and what an epoch leaves of
    either is gone on with in the next. An epoch has as many draws as there are samples. Where all samples have a label,
    or none has, they are shuffled.

    Args:
        labels: of the training part, `(n,)`; below 0 for none.
        share: of draws that have a label, in (0, 1).
        seed: of the orders.

    Raises:
        LeveretUsageError: a share out of range, or no samples.

    Example:
        >>> fit(net, data, objective=RuleDistillation(rules, data), sampler=LabelledSampler(data.train.labels))
    """

    def __init__(self, labels: ArrayLike, share: float = 0.5, *, seed: int = 0) -> None:
        found = np.asarray(labels)
        if not 0 < share < 1:
            raise LeveretUsageError(f"share must be in (0, 1), got {share}")
        if found.ndim != 1 or not len(found):
            raise LeveretUsageError(f"labels must be (n,), at least one; got {found.shape}")
        self.labelled, self.others = np.flatnonzero(found >= 0), np.flatnonzero(found < 0)
        self.share, self.seed, self.epoch = share, seed, 0
        self.num_samples = len(found)

    def set_epoch(self, epoch: int) -> None:
        """Called by the loader at the start of each epoch, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        for chunk in self.chunks(1024):
            yield from chunk.tolist()

    def chunks(self, size: int) -> Iterator[NDArray[np.int64]]:
        """An epoch's order in arrays of `size`, the last one shorter; each has the share of labelled samples."""
        if not len(self.labelled) or not len(self.others):
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.num_samples)
            for start in range(0, self.num_samples, size):
                yield order[start : start + size]
            return
        # where an epoch begins follows from its number alone, so that a resumed run is the same
        begun = self.epoch * self.num_samples
        for start in range(begun, begun + self.num_samples, size):
            stop = min(start + size, begun + self.num_samples)
            known, after = int(self.share * start), int(self.share * stop)
            yield np.concatenate(
                [
                    self._from(self.labelled, known, after - known, 0),
                    self._from(self.others, start - known, stop - after - (start - known), 1),
                ]
            )

    def _from(self, members: NDArray[np.int64], first: int, number: int, kind: int) -> NDArray[np.int64]:
        """`number` draws from place `first` of an endless row of shuffled passes over the members."""
        places = np.arange(first, first + number)
        passes, within = np.divmod(places, len(members))
        found = np.empty(number, np.int64)
        for one in np.unique(passes):
            order = np.random.default_rng((self.seed, kind, int(one))).permutation(len(members))
            found[passes == one] = members[order[within[passes == one]]]
        return found
