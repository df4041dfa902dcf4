"""`LengthBuckets`: batches of texts of about the same length, so that little of them is padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Sampler

from leveret.errors import LeveretUsageError

__all__ = ["LengthBuckets", "buckets_for"]


class LengthBuckets(Sampler[int]):
    """Each sample once an epoch, in an order whose batches hold like lengths.

    An epoch is shuffled and cut into pools of some batches; within a pool samples are sorted by length, and all batches
    are shuffled again. Batches stay random, but for the lengths in them. `fit` takes this where a net `pads` and no
    sampler is given.

    Args:
        lengths: `(samples,)`.
        seed: of the order, with the epoch.
        pool: batches that are sorted together: more are more alike, and less random.

    Attributes:
        num_samples: of an epoch.

    Raises:
        LeveretUsageError: `pool` below 1, or lengths of another shape.
    """

    def __init__(self, lengths: ArrayLike, seed: int = 0, pool: int = 50) -> None:
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1:
            raise LeveretUsageError(f"lengths must be (samples,), got {self.lengths.shape}")
        if pool < 1:
            raise LeveretUsageError(f"pool must be at least 1 batch, got {pool}")
        self.seed = seed
        self.pool = pool
        self.epoch = 0
        self.num_samples = len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        """`fit` calls this at the start of each epoch."""
        self.epoch = epoch

    def chunks(self, size: int) -> Iterator[NDArray[np.int64]]:
        """An epoch's batches: arrays of `size` indices, the last one shorter."""
        generator = np.random.default_rng((self.seed, self.epoch))
        order = generator.permutation(self.num_samples)
        whole = len(order) // size * size
        batches: list[NDArray[np.int64]] = []
        for start in range(0, whole, self.pool * size):
            pool = order[start : min(start + self.pool * size, whole)]
            ranked = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches.extend(ranked[i : i + size] for i in range(0, len(ranked), size))
        for i in generator.permutation(len(batches)):
            yield batches[i]
        if whole < len(order):
            yield order[whole:]

    def __iter__(self) -> Iterator[int]:
        for chunk in self.chunks(32):
            yield from chunk.tolist()

    def __len__(self) -> int:
        return self.num_samples


def buckets_for(net: Any, split: Any, seed: int) -> LengthBuckets | None:
    """The order for a net that pads what it takes; None for others, and where lengths aren't known."""
    if not getattr(net, "pads", False):
        return None
    lengths = getattr(split, "lengths", None)
    return None if lengths is None else LengthBuckets(lengths, seed)
