"""Balanced streams: frequency sampling where the samples come one by one, and no count is known in advance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import islice
from random import Random
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from leveret.balance._arrivals import Arrivals
from leveret.balance._shares import check_power
from leveret.balance._shelf import Shelf
from leveret.balance._stream_labels import LabelOf, label_finder
from leveret.errors import LeveretUsageError
from leveret.training._keyed import keys_under, view_keys

__all__ = ["BalancedStream", "balanced_stream"]


class _Pass:
    """One reading of the stream."""

    def __init__(self, settings: BalancedStream, random: Random) -> None:
        self.arrivals = Arrivals(settings.horizon, settings.power)
        self.shelves: dict[Hashable, Shelf] = {}
        self.given: Counter[Hashable] = Counter()
        self.dropped: Counter[Hashable] = Counter()
        self.seen = 0
        self.reads_a_draw = 1.0
        self._draws = 0
        self._random = random
        self._settings = settings
        # natural frequencies need no repeats, and no waiting
        self._natural = settings.power == 0
        self._max_repeats = 1 if self._natural else settings.max_repeats
        self._max_reads = 1 if self._natural else settings.max_reads

    def run(self, samples: Iterator[Any], label_of: Callable[[Any, int], Hashable]) -> Iterator[Any]:
        ahead = 0
        for sample in islice(samples, self._settings.buffer - 1):
            yield from self._put(sample, label_of(sample, self.seen))
            ahead += 1
        for sample in samples:
            yield from self._put(sample, label_of(sample, self.seen))
            label = self.arrivals.draw(self._random.random())
            reads = 1
            while not self.shelves[label] and reads < self._max_reads:
                more = next(samples, _END)
                if more is _END:
                    break
                yield from self._put(more, label_of(more, self.seen))
                reads += 1
                if label not in self.shelves:  # forgotten meanwhile
                    break
            self._draws += 1
            self.reads_a_draw += (reads - self.reads_a_draw) / min(self._draws, self._settings.horizon)
            yield from self._take(label if self.shelves.get(label) else None)
        for _ in range(ahead):
            yield from self._take(None)
        left = [(label, sample) for label, shelf in self.shelves.items() for sample in shelf.fresh]
        self._random.shuffle(left)
        for label, sample in left:
            yield from self._leave(label, sample)

    def _put(self, sample: Any, label: Hashable) -> Iterator[Any]:
        """Count and keep a sample; gives those that must be given out at once lest they are lost."""
        self.seen += 1
        gone = self.arrivals.add(label)
        if label not in self.shelves:
            self.shelves[label] = Shelf(self._settings.buffer, self._max_repeats)
        for other in self.shelves[label].put(sample, self._random):
            yield from self._leave(label, other)
        for forgotten in gone:
            for other in self.shelves.pop(forgotten).fresh:
                self.given[forgotten] += 1
                yield other

    def _leave(self, label: Hashable, sample: Any) -> Iterator[Any]:
        """A fresh sample that can't be kept: given out if fewer of its class come than are wanted, else dropped."""
        come = self.arrivals.share(label) * self.reads_a_draw
        if self._natural or self.arrivals.wanted(label) >= come:
            self.given[label] += 1
            yield sample
        else:
            self.dropped[label] += 1

    def _take(self, label: Hashable | None) -> Iterator[Any]:
        """A sample of this class, or of one by chance, by the wanted shares, of those that have any."""
        if label is None:
            there = [label for label, shelf in self.shelves.items() if shelf]
            shares = [self.arrivals.wanted(label) for label in there]
            if not there:
                return
            label = self._random.choices(there, shares)[0]
        self.given[label] += 1
        yield self.shelves[label].take(self._random)


_END = object()


class BalancedStream(IterableDataset[Any]):
    """A stream in which rare classes come more often than in its source; made by `balanced_stream`.

    What it has learnt, of the pass that was begun last; in a DataLoader's workers each has its own, and the one here
    learns nothing:

    Attributes:
        counts: samples of each class, so far as they still count: one that came `horizon` samples ago counts 1/e.
        probabilities: share of each class in what is given out, as wanted.
        weights: of each class, the share wanted over the share in the stream: above 1 is to be repeated.
        seen: samples read.
        given: how many samples of each class were given out, repeats counted.
        dropped: how many of each class were never given out, and won't be.
    """

    def __init__(
        self,
        stream: Any,
        label_of: LabelOf,
        power: float,
        classes: frozenset[Hashable] | None,
        buffer: int,
        max_repeats: int,
        max_reads: int,
        horizon: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.stream = stream
        self.label_of = label_of
        self.power = power
        self.classes = classes
        self.buffer = buffer
        self.max_repeats = max_repeats
        self.max_reads = max_reads
        self.horizon = horizon
        self.seed = seed
        self.epoch = 0
        self._was_read = False
        self._pass = _Pass(self, Random(0))

    def set_epoch(self, epoch: int) -> None:
        """Draw as in this epoch, from 0, in the next pass; the source is told too, if it has `set_epoch`."""
        self.epoch = epoch
        set_epoch = getattr(self.stream, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)

    def __iter__(self) -> Iterator[Any]:
        samples = iter(self.stream if isinstance(self.stream, Iterable) else self.stream())
        if samples is self.stream:
            if self._was_read:
                raise LeveretUsageError(
                    "the stream is an iterator, which can be read only once: give a function that makes one, or an "
                    "object whose __iter__ does"
                )
            self._was_read = True
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            number += torch.distributed.get_rank() * of
            of *= torch.distributed.get_world_size()
        if not isinstance(self.stream, IterableDataset):
            samples = islice(samples, number, None, of)
        key = keys_under(keys_under(view_keys(self.seed, self.epoch), number), 0)
        self._pass = _Pass(self, Random(int(key[0])))
        return self._pass.run(samples, label_finder(self.label_of, self.classes))

    @property
    def counts(self) -> dict[Hashable, float]:
        """How often each label came in, the later samples counting more where a horizon says so."""
        return self._pass.arrivals.counts()

    @property
    def probabilities(self) -> dict[Hashable, float]:
        """The share that each label is to have of what goes out."""
        return {label: self._pass.arrivals.wanted(label) for label in self.counts}

    @property
    def weights(self) -> dict[Hashable, float]:
        """What makes up for a label's share: wanted over arriving."""
        arrivals = self._pass.arrivals
        return {label: arrivals.wanted(label) / arrivals.share(label) for label in self.counts}

    @property
    def seen(self) -> int:
        """Samples that came in, in the pass at work or the last."""
        return self._pass.seen

    @property
    def given(self) -> dict[Hashable, int]:
        """Samples of each label that went out, in the pass at work or the last."""
        return dict(self._pass.given)

    @property
    def dropped(self) -> dict[Hashable, int]:
        """Samples of each label that were passed over, in the pass at work or the last."""
        return dict(self._pass.dropped)


def balanced_stream(
    stream: Iterable[Any] | Callable[[], Iterable[Any]],
    label_of: LabelOf = None,
    power: float = 1.0,
    *,
    classes: Iterable[Hashable] | None = None,
    buffer: int = 256,
    max_repeats: int = 10,
    max_reads: int = 100,
    horizon: int = 10_000,
    seed: int = 0,
) -> BalancedStream:
    """A stream with its classes in other shares: p_c ∝ q_c^(1 − power), where q_c is the share of class c lately.

    For each sample that is given out a class is drawn by p, and one or more samples are read. Of each class the stream
    keeps a few: of frequent classes more come than are drawn, and some are dropped, by chance; of rare ones too few
    come, and they are given out again, each at most `max_repeats` times. If none is left the stream reads on, until one
    comes or `max_reads` samples were read; then another class is drawn. No sample is lost of a class of which no more
    come than are drawn. The shares are followed as they change, and new classes are taken up when they come.

    Args:
        stream: anything to iterate, e.g. a torch or Hugging Face IterableDataset or a generator; or a function that
            makes one, for more than one pass. In a DataLoader's workers and in distributed processes a
            torch `IterableDataset` (as Hugging Face's are) must itself give each its own part, as PyTorch asks of it;
            of any other stream each takes every so many-th sample. Each balances its own part.
        label_of: where a sample's class is: a key, a place, or a function of the sample. Default: a dict's "label", a
            pair's second. A class is a whole number, a name, or anything that can be hashed.
        power: from 0 (as they come; each sample once) to 1 (all classes alike).
        classes: if given, any other class is an error.
        buffer: samples kept of each class; also so many are read until the first is given out.
        max_repeats: how often a sample is given out at most. Where this is hardly enough for a class's share, repeats
            follow within a few draws of the class, since there is nothing else to draw; where it is ample they are
            about `buffer` draws of the class apart.
        max_reads: samples read for one that is given out, at most. A class rarer than p_c / (max_reads · max_repeats)
            doesn't reach its share.
        horizon: samples after which one counts 1/e of what it did in the shares; at least 2. A class of which no sample
            has come for long (4.6 horizons after a single one) is forgotten.
        seed: of all draws, from 0 to 2⁶⁴ − 1; with the epoch (`set_epoch`), the worker and the stream it decides the
            order.

    Returns:
        A torch `IterableDataset`, whose length isn't known. At most `buffer` samples of each class are in memory. It
        ends when its source ends, after what was read ahead.

    Source: the review's fifth way (see `FrequencySampler`), made to work on streams: replay from per-class reservoirs
    and exponentially forgotten counts are ours.

    Example:
        >>> samples = [{"x": i, "label": "rare" if i % 10 == 0 else "common"} for i in range(2000)]
        >>> stream = balanced_stream(samples)
        >>> given = [sample["label"] for sample in stream]
        >>> 0.45 < given.count("rare") / len(given) < 0.55
        True

    Raises:
        LeveretUsageError: an argument out of range; or a second pass over an iterator.
        LeveretDataError: while iterating: a label that is missing, no single class, or none of `classes`; says which
            sample's.
    """
    check_power(power)
    for name, value, least in (
        ("buffer", buffer, 1),
        ("max_repeats", max_repeats, 1),
        ("max_reads", max_reads, 1),
        ("horizon", horizon, 2),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise LeveretUsageError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if not callable(stream) and not isinstance(stream, Iterable):
        raise LeveretUsageError(f"stream must be something to iterate, or a function that makes it, got {stream!r}")
    known = None if classes is None else frozenset(classes)
    label_finder(label_of, known)
    view_keys(seed, 0)
    return BalancedStream(stream, label_of, power, known, buffer, max_repeats, max_reads, horizon, seed)
