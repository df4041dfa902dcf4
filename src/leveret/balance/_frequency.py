"""Frequency sampling: batches in which rare classes come more often than in the data.

    p_c ∝ n_c^(1 − power)

power 0 draws each class as often as it occurs, 1 all alike, and 1/2 by the square root of their frequency.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Sampler

from leveret.balance._cycles import Cycles
from leveret.balance._label_array import count_classes, label_array
from leveret.balance._positions import Positions
from leveret.balance._shares import check_power, given_shares, wanted_shares
from leveret.errors import LeveretUsageError
from leveret.training._keyed import view_keys

__all__ = ["FrequencySampler"]

_BLOCK = 1 << 24  # draws whose numbers of each class are drawn at once
_STRETCH = 1 << 20  # draws that are made at once, so that each class has many of them
_PIECE = 1 << 15  # draws that are shuffled at once, in the processor's cache
_MANY = 1 << 12  # classes, from which on a stretch is one piece
_TO_LISTS = 1 << 10  # indices turned into Python's numbers at once, so that their memory is used again


class FrequencySampler(Sampler[int]):
    """Draws indices of samples, classes with probability p_c ∝ n_c^(1 − power).

    Within a class the instances go round: each comes once, in a pseudo-random order, before any comes again, and then
    all in another order. This goes on over the epochs, so that a large class of which an epoch shows a part shows
    another part in the next. The order depends on labels, settings, seed and epoch alone.

    Args:
        labels: `(n,)` integers from 0: an array, a memory map, a tensor or a list. A class without an instance is
            never drawn; one with a single instance repeats it. A map must not change while the sampler is used.
        power: from 0 (natural frequencies) to 1 (all classes alike).
        probabilities: `(classes,)`, of any sum: draw the classes by these instead.
        num_samples: draws of an epoch, over all processes; default: as many as labels.
        replacement: draw each instance independently of the others, so that it may repeat at once.
        seed: of the order, from 0 to 2⁶⁴ − 1.
        rank, num_replicas: this process, from 0, and how many there are. Iterating gives this process's share: draws
            rank, rank + num_replicas, … of the common order; where the shares would differ in size, the order's first
            draws are taken again at its end. Default: torch.distributed's, where it is initialised, else one process.
            `leveret.fit` shares out every batch itself, by `chunks`, and needs neither.
        memory: bytes for the index of the instances. Up to `memory / 4` labels are indexed in full (about 20 ns a
            draw); of more, the largest classes' instances are searched for among the labels themselves, which takes
            a few microseconds a draw. What is drawn is the same.

    Attributes:
        counts: instances of each class, `(classes,)` int64.
        probabilities: of each class, `(classes,)` float64, of sum 1.
        num_samples: draws of an epoch, over all processes.
        epoch: see `set_epoch`.

    Memory beyond the labels: the index, a few numbers for each class, and some tens of MB while drawing, whatever the
    number of draws. Where all labels are indexed they are not kept.

    Source: the review's fifth way, batch sampling by frequency. Of M small-class and N large-class instances it gives
    the small class M/(M+N), its plain frequency, against its own aim "so that you prioritize the small class": the two
    are swapped. We follow the aim: weights of N/(M+N) for an instance of the small class and M/(M+N) for one of the
    large one, by which both classes come alike, are power 1. The powers between are those of Mikolov et al.,
    "Distributed representations of words and phrases and their compositionality", NeurIPS 2013, section 2.2 (their
    exponent 3/4 is power 1/4), and of Mahajan et al., "Exploring the limits of weakly supervised pretraining", ECCV
    2018, section 2.2 (square root: power 1/2).

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1], [990, 10])
        >>> sampler = FrequencySampler(labels, power=1.0, seed=0)
        >>> sampler.probabilities.tolist()
        [0.5, 0.5]

    Raises:
        LeveretUsageError: labels that are not one whole number a sample, or an argument out of range.
        LeveretDataError: a label that is negative or far beyond the number of samples.

    Warns:
        LeveretWarning: so many classes don't fit into `memory` that draws are slow.
    """

    def __init__(
        self,
        labels: ArrayLike,
        power: float = 1.0,
        *,
        probabilities: ArrayLike | None = None,
        num_samples: int | None = None,
        replacement: bool = False,
        seed: int = 0,
        rank: int | None = None,
        num_replicas: int | None = None,
        memory: int = 64 << 20,
    ) -> None:
        array = label_array(labels)
        self.num_samples = _positive("num_samples", len(array) if num_samples is None else num_samples)
        if isinstance(memory, bool) or not isinstance(memory, int) or memory < 0:
            raise LeveretUsageError(f"memory must be a whole number of bytes, got {memory!r}")
        _check_rank(rank, num_replicas)
        check_power(power)
        view_keys(seed, 0)  # refuses a seed out of range before the labels are read
        self.counts = count_classes(array)
        if probabilities is None:
            self.probabilities = wanted_shares(self.counts, power)
        else:
            self.probabilities = given_shares(probabilities, self.counts)
        self.power = power
        self.replacement = replacement
        self.seed = seed
        self.rank = rank
        self.num_replicas = num_replicas
        self.epoch = 0
        self._drawn = np.flatnonzero(self.probabilities)
        self._cycles = Cycles(Positions(array, self.counts, memory), seed, replacement)
        # numbers of each class that all epochs before this one drew
        self._before = (0, np.zeros(len(self._drawn), np.int64))

    def set_epoch(self, epoch: int) -> None:
        """Draw as in this epoch, from 0, from the next iteration on.

        `leveret.fit` calls this; a loop of one's own must, else each of its epochs has the same order.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
            raise LeveretUsageError(f"epoch must be a whole number of at least 0, got {epoch!r}")
        self.epoch = epoch

    def __len__(self) -> int:
        """Draws of an epoch in this process."""
        return -(-self.num_samples // self._ranks()[1])

    def __iter__(self) -> Iterator[int]:
        rank, ranks = self._ranks()
        shares = self._pieces() if ranks == 1 else _shares(self._pieces(), rank, ranks)
        parts = (share[i : i + _TO_LISTS] for share in shares for i in range(0, len(share), _TO_LISTS))
        return itertools.chain.from_iterable(part.tolist() for part in parts)

    def chunks(self, size: int | None = None) -> Iterator[NDArray[np.int64]]:
        """The epoch's order over all processes, as arrays, which is far faster than index by index.

        Args:
            size: indices of each array but the last; None for as many as are made at once (about 10⁵).

        Raises:
            LeveretUsageError: a size below 1.
        """
        if size is None:
            return self._pieces()
        return _regrouped(self._pieces(), _positive("size", size))

    def _ranks(self) -> tuple[int, int]:
        if self.num_replicas is not None and self.rank is not None:
            return self.rank, self.num_replicas
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    def _pieces(self) -> Iterator[NDArray[np.int64]]:
        """The order, a piece at a time: numbers of each class first, then which instances, then their order."""
        epoch = self.epoch
        before = self._drawn_before(epoch).copy()
        # of many classes the numbers alone would take longest
        many = len(self._drawn) > _MANY
        stretch = max(_STRETCH, 4 * len(self._drawn))
        for block in range(-(-self.num_samples // _BLOCK)):
            generator = np.random.default_rng((self.seed, epoch, block))
            for counts in _parts(self._block_counts(generator, block), stretch, generator):
                drawn = self._cycles.draws(self._drawn, before, counts)
                before += counts
                starts = np.cumsum(counts) - counts
                for part in _parts(counts, stretch if many else _PIECE, generator):
                    ends = starts + part
                    there = np.flatnonzero(part)
                    spans = zip(starts[there].tolist(), ends[there].tolist(), strict=True)
                    piece = np.concatenate([drawn[start:end] for start, end in spans])
                    starts = ends
                    generator.shuffle(piece)
                    yield piece
                del drawn  # or two stretches would stand in memory

    def _block_counts(self, generator: np.random.Generator, block: int) -> NDArray[np.int64]:
        size = min(_BLOCK, self.num_samples - block * _BLOCK)
        return generator.multinomial(size, self.probabilities[self._drawn])

    def _drawn_before(self, epoch: int) -> NDArray[np.int64]:
        known, totals = self._before
        if known > epoch:
            known, totals = 0, np.zeros_like(totals)
        while known < epoch:
            for block in range(-(-self.num_samples // _BLOCK)):
                totals = totals + self._block_counts(np.random.default_rng((self.seed, known, block)), block)
            known += 1
        self._before = (known, totals)
        return totals


def _parts(counts: NDArray[np.int64], size: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Numbers of each class in the first `size` of so many draws in a random order, in the next, and so on."""
    left = counts
    while (total := int(left.sum())) > size:
        # sound for up to 10⁹ draws
        part = generator.multivariate_hypergeometric(left, size, method="marginals")
        yield part
        left = left - part
    if total:
        yield left


def _shares(pieces: Iterator[NDArray[np.int64]], rank: int, ranks: int) -> Iterator[NDArray[np.int64]]:
    """Draws rank, rank + ranks, … of an order, filled up with its first ones so that all shares have the same size."""
    drawn = 0
    first = np.empty(0, np.int64)
    for piece in pieces:
        if len(first) < ranks:
            first = np.concatenate([first, piece[:ranks]])
        yield piece[(rank - drawn) % ranks :: ranks]
        drawn += len(piece)
    if missing := -drawn % ranks:
        yield np.resize(first[:drawn], missing)[(rank - drawn) % ranks :: ranks]


def _regrouped(pieces: Iterator[NDArray[np.int64]], size: int) -> Iterator[NDArray[np.int64]]:
    """The same order in arrays of `size`, the last one shorter."""
    held: list[NDArray[np.int64]] = []
    missing = size
    for piece in pieces:
        begin = 0
        while len(piece) - begin >= missing:
            part = piece[begin : begin + missing]
            yield np.concatenate([*held, part]) if held else part
            begin += missing
            held, missing = [], size
        if begin < len(piece):
            held.append(piece[begin:])
            missing -= len(piece) - begin
    if held:
        yield np.concatenate(held)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise LeveretUsageError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def _check_rank(rank: Any, num_replicas: Any) -> None:
    if (rank is None) != (num_replicas is None):
        raise LeveretUsageError(f"rank and num_replicas go together, got {rank!r} and {num_replicas!r}")
    if rank is None:
        return
    replicas = _positive("num_replicas", num_replicas)
    if isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or not 0 <= rank < replicas:
        raise LeveretUsageError(f"rank must be from 0 to {replicas - 1}, got {rank!r}")
