"""Batches for training: whole batches fetched at once, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from leveret._pixels import constants_for
from leveret.errors import LeveretUsageError
from leveret.training._augment import Augmentation
from leveret.training._batch import Batch
from leveret.training._joint import JointAugmentation
from leveret.training._parts import has_masks, has_tags

__all__ = [
    "BatchDataset",
    "BatchSampler",
    "ChunkedSampler",
    "evaluation_batch",
    "evaluation_loader",
    "to_tensor",
    "training_loader",
]

_SAMPLES, _SENTENCES, _MASKED = 256, 64, 8  # of a batch that is only evaluated, at most
_VALUES = 1 << 23  # of its images, 32 MiB as floats: what layers make of them is some ten times that


@runtime_checkable
class ChunkedSampler(Protocol):
    """A sampler whose order need not stand in memory: `BatchSampler` takes a batch at a time from it.

    Attributes:
        num_samples: draws of an epoch, over all processes.
    """

    num_samples: int

    def chunks(self, size: int) -> Iterator[NDArray[np.int64]]:
        """An epoch's order over all processes, the same in each: arrays of `size`, the last one shorter."""
        ...


class BatchSampler(Sampler[Any]):
    """Gives arrays of indices, one per batch: shuffled anew each epoch, or drawn by `sampler`.

    Under distributed training each process gets its own share of every batch, so that the order of samples is the
    same with any number of processes. The last batch is smaller, or left out if it would hold a single sample, which
    BatchNorm can't take.
    """

    def __init__(self, size: int, batch_size: int, seed: int, sampler: Sampler[int] | None = None) -> None:
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.sampler = sampler
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this at the start of each epoch."""
        self.epoch = epoch
        set_epoch = getattr(self.sampler, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)

    def __len__(self) -> int:
        full, rest = divmod(self._drawn(), self.batch_size)
        return full + (rest >= min(2 * self._ranks()[1], self.size))

    def __iter__(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        rank, ranks = self._ranks()
        # the number first, so that no batch is drawn beyond it
        for i, batch in zip(range(len(self)), self._batches(), strict=False):
            yield self.epoch, i, batch[rank::ranks]

    def _batches(self) -> Iterator[NDArray[np.int64]]:
        if isinstance(self.sampler, ChunkedSampler):
            yield from self.sampler.chunks(self.batch_size)
            return
        if self.sampler is None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.size)
        else:
            order = np.fromiter(self.sampler, dtype=np.int64)
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _drawn(self) -> int:
        if isinstance(self.sampler, ChunkedSampler):
            return self.sampler.num_samples
        return self.size if self.sampler is None else len(self.sampler)  # type: ignore[arg-type]

    def _ranks(self) -> tuple[int, int]:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1


class BatchDataset(Dataset[Batch]):
    """Answers a whole batch of indices with a whole `Batch`: fetched, augmented, normalised.

    The augmentation's draws depend on seed, epoch and batch alone, so that a resumed run goes on as it would have.
    """

    def __init__(
        self,
        split: Any,
        normalization: Any,
        seed: int,
        augment: Augmentation | JointAugmentation | None,
        channels_last: bool,
    ) -> None:
        self.split = split
        self.normalization = normalization
        self.seed = seed
        self.augment = augment
        self.channels_last = channels_last

    def __getitem__(self, key: tuple[int, int, NDArray[np.int64]]) -> Batch:
        epoch, number, indices = key
        # the first index tells apart the processes of a distributed run
        mark = int(indices[0]) if len(indices) else 0
        draws = (self.seed, epoch, number, mark)
        if has_tags(self.split):
            values, labels = self.split.fetch_tagged(indices)
        elif has_masks(self.split):
            values, labels = self._pairs(indices, draws)
        else:
            values, labels = self.split.fetch(indices), self.split.labels[indices]
            if isinstance(values, np.ndarray) and self.augment is not None:
                if isinstance(self.augment, JointAugmentation):
                    raise LeveretUsageError(f"{type(self.augment).__name__} is for images with masks; give an Augment")
                values = self.augment(values, np.random.default_rng(draws))
        if isinstance(values, np.ndarray):
            values = to_tensor(values, self.normalization, self.channels_last)
        return Batch(values, torch.from_numpy(labels), torch.from_numpy(indices))

    def _pairs(self, indices: NDArray[np.int64], draws: tuple[int, ...]) -> tuple[Any, NDArray[np.int64]]:
        """Images with their masks, augmented together."""
        if self.augment is None:
            return self.split.fetch_pairs(indices)
        if not isinstance(self.augment, JointAugmentation):
            raise LeveretUsageError(
                "images with masks are augmented together: give a JointAugment, or anything with its joint(pairs, "
                f"generator); got {type(self.augment).__name__}"
            )
        return self.augment.joint(self.split.pairs(indices), np.random.default_rng(draws))


def to_tensor(values: NDArray[Any], normalization: Any, channels_last: bool = True) -> torch.Tensor:
    """Samples as a normalised float32 tensor.

    Pixels `(batch, channels, height, width)` uint8 become `(pixel/255 − mean) / std`; a table's rows
    `(batch, features)` float32 become `(value − mean) / std`.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if channels_last and tensor.dim() == 4:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    mean, std = map(torch.from_numpy, constants_for(tensor.dim(), normalization))
    # a float32 tensor would be the caller's own array
    return tensor.float().sub_(mean).div_(std) if tensor.dim() == 4 else tensor.float().sub(mean).div_(std)


class _InOrder(Sampler[Any]):
    def __init__(self, size: int, batch_size: int) -> None:
        self.size = size
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        for i in range(len(self)):
            yield 0, i, np.arange(i * self.batch_size, min(self.size, (i + 1) * self.batch_size))


def training_loader(
    split: Any,
    normalization: Any,
    *,
    batch_size: int,
    seed: int,
    augment: Augmentation | JointAugmentation | None,
    sampler: Sampler[int] | None,
    channels_last: bool,
    workers: int,
) -> DataLoader[Batch]:
    """The loader that `fit` trains from."""
    if len(split) < 2:
        raise LeveretUsageError(f"training needs at least 2 samples, the training part has {len(split)}")
    dataset = BatchDataset(split, normalization, seed, augment, channels_last)
    order = BatchSampler(len(split), min(batch_size, len(split)), seed, sampler)
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        # else each new iterator draws from torch's own generator, and a resumed run's dropout differs
        generator=torch.Generator().manual_seed(seed),
    )


def evaluation_batch(split: Any) -> int:
    """How many samples of a part to evaluate at once, so that large images don't fill the memory."""
    if has_tags(split):
        return _SENTENCES
    most = _MASKED if has_masks(split) else _SAMPLES
    first = split.fetch(np.arange(min(1, len(split))))
    return max(1, min(most, _VALUES // max(1, first.size))) if isinstance(first, np.ndarray) else most


def evaluation_loader(
    split: Any, normalization: Any, *, batch_size: int | None = None, channels_last: bool = True, workers: int = 0
) -> DataLoader[Batch]:
    """All samples of a split in their order, by default as many at once as `evaluation_batch` says."""
    dataset = BatchDataset(split, normalization, 0, None, channels_last)
    batch_size = batch_size or evaluation_batch(split)
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=_InOrder(len(split), batch_size),
        num_workers=workers,
        generator=torch.Generator(),
    )
