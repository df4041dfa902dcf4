"""A budgeted memory of samples of the classes seen so far, for growths at which the old data is no longer there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leveret._files import replacing
from leveret.data import Data, LoadReport, Normalization, Split
from leveret.data._pixels import ArraySource
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["Memory", "herded", "reservoir"]

Kind = Literal["herding", "reservoir"]


def herded(features: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Rows whose running mean stays nearest to the mean of all, the most telling first; `(min(count, n),)` int64.

    Row k is the one that brings the mean of the first k rows nearest to the mean of all (Rebuffi et al., "iCaRL",
    CVPR 2017, algorithm 4; Welling, 2009). As there, features are scaled to length 1. Leaving off the last rows leaves
    what a smaller budget would have taken.

    Args:
        features: `(n, features)`, of one class.
        count: rows to take.
    """
    rows = np.asarray(features, np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    mean, total = rows.mean(0) if len(rows) else np.zeros(rows.shape[1:]), np.zeros(rows.shape[1:])
    left = np.ones(len(rows), bool)
    taken = []
    for k in range(1, min(count, len(rows)) + 1):
        # ‖μ − (s + x)/k‖² up to what all rows have in common
        away = (rows * rows).sum(1) / k + 2 * rows @ (total / k - mean)
        best = int(np.where(left, away, np.inf).argmin())
        left[best] = False
        total += rows[best]
        taken.append(best)
    return np.asarray(taken, np.int64)


def reservoir(seen: int, count: int, kept: int, budget: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Vitter's algorithm R (1985): who holds each place of a reservoir after `count` more samples of a stream.

    Args:
        seen: samples of the stream before.
        kept: places that are held, at most `budget`.
        budget: places.
        generator: draws who stays.

    Returns:
        `(min(budget, kept + count),)` int64: −1 where the sample from before stays, else the number of the new one.
    """
    places = [-1] * kept
    for i in range(count):
        if len(places) < budget:
            places.append(i)
            continue
        place = int(generator.integers(seen + i + 1))
        if place < budget:
            places[place] = i
    return np.asarray(places, np.int64)


@dataclass(frozen=True)
class Memory:
    """Samples of classes seen so far.

    Attributes:
        values: images `(n, channels, height, width)` uint8, or rows `(n, features)` float32.
        labels: `(n,)` int64, places in `classes`.
        classes: names.
        budget: samples that it holds at most.
        kind: "herding": as many of each class, those whose mean is nearest to the class's; "reservoir": any that came,
            all with the same chance.
        seen: samples that went by, of the reservoir.
    """

    values: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    budget: int
    kind: Kind = "herding"
    seen: int = 0

    @classmethod
    def empty(cls, budget: int, kind: Kind = "herding") -> Memory:
        """Before anything was seen; raises `LeveretUsageError` for a budget below 1, or an unknown kind."""
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
            raise LeveretUsageError(f"the memory's budget must be at least 1 sample, got {budget!r}")
        if kind not in ("herding", "reservoir"):
            raise LeveretUsageError(f"a memory is kept by 'herding' or 'reservoir', got {kind!r}")
        return cls(np.empty((0, 0)), np.empty(0, np.int64), (), budget, kind)

    def __len__(self) -> int:
        return len(self.labels)

    def updated(self, data: Data, features: NDArray[Any] | None = None, *, seed: int = 0) -> Memory:
        """The memory after the training samples of `data` went by.

        Args:
            data: images or a table; its classes may be known already.
            features: `(samples, features)` of its training part, by which herding chooses.
            seed: of the reservoir's draws.

        Raises:
            LeveretUsageError: texts; herding without features, or with fewer places than classes.
        """
        if data.kind == "text":
            raise LeveretUsageError("a memory holds images or rows, no texts; keep all old data instead")
        classes = tuple(dict.fromkeys((*self.classes, *data.classes)))
        if self.kind == "herding" and self.budget < len(classes):
            raise LeveretUsageError(
                f"a memory of {self.budget} samples can't hold one of each of {len(classes)} classes; give it more"
            )
        label_of = np.array([classes.index(name) for name in data.classes], np.int64)
        labels = label_of[data.train.labels]
        if self.kind == "reservoir":
            generator = np.random.default_rng((seed, self.seen))
            # as they would come by: in any order
            order = generator.permutation(len(labels))
            places = reservoir(self.seen, len(order), len(self), self.budget, generator)
            rows, came = np.where(places < 0, np.arange(len(places)), -1), places
            source = order[came[came >= 0]] if len(order) else np.empty(0, np.int64)
            return self._made(data, rows, came, source, labels, classes, self.seen + len(order))
        if features is None:
            raise LeveretUsageError("herding needs the samples' features")
        share = self.budget // len(classes)
        old = [np.flatnonzero(self.labels == label)[:share] for label in range(len(classes))]
        new = []
        for label in range(len(classes)):
            members = np.flatnonzero(labels == label)
            # of a class that was kept before, what came first stays
            new.append(members[herded(features[members], share - len(old[label]))])
        # class by class, each in its own order, so that a later cut keeps the most telling
        rows = np.concatenate([np.r_[o, np.full(len(n), -1)] for o, n in zip(old, new, strict=True)]).astype(np.int64)
        came = np.concatenate([np.r_[np.full(len(o), -1), n] for o, n in zip(old, new, strict=True)]).astype(np.int64)
        return self._made(data, rows, came, came[came >= 0], labels, classes, self.seen + len(labels))

    def data(self, like: Data) -> Data:
        """As `Data` with a training part alone, of the kind, shape and normalisation of `like`."""
        source = ArraySource(self.values)
        split = Split("train", source, np.arange(len(self)), self.labels, len(self.classes))
        none = np.empty(0, np.int64)
        val, test = (Split(name, source, none, none, len(self.classes)) for name in ("val", "test"))
        report = LoadReport(found=len(self))
        shape, norm = like.image_shape, Normalization(like.normalization.mean, like.normalization.std)
        return Data("memory", "memory", like.kind, split, val, test, self.classes, shape, norm, report, like.features)

    def save(self, path: Path) -> None:
        """Write a `.npz` file, whole or not at all."""
        about = {"classes": self.classes, "budget": self.budget, "kind": self.kind, "seen": self.seen}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, values=self.values, labels=self.labels, about=np.array(json.dumps(about)))

    @classmethod
    def load(cls, path: Path) -> Memory:
        """Read it; raises `LeveretDataError` where it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as found:
                about = json.loads(str(found["about"]))
                values, labels = found["values"], found["labels"].astype(np.int64)
            kept = cls(values, labels, tuple(about["classes"]), about["budget"], about["kind"], about["seen"])
        except Exception as error:  # zip, json and numpy have many of their own
            raise LeveretDataError(f"{path} is missing or no memory of Leveret: {error}") from error
        if len(values) != len(labels) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(kept.classes)):
            raise LeveretDataError(f"{path} is damaged: its labels don't fit its samples")
        return kept

    def _made(
        self,
        data: Data,
        rows: NDArray[np.int64],
        came: NDArray[np.int64],
        source: NDArray[np.int64],
        labels: NDArray[np.int64],
        classes: Sequence[str],
        seen: int,
    ) -> Memory:
        """Of each place: the row that stays (−1: none), or the new sample; `source` are those in order."""
        fetched = np.asarray(data.train.fetch(source))
        values = np.empty((len(rows), *fetched.shape[1:]), fetched.dtype)
        found = np.empty(len(rows), np.int64)
        stays = rows >= 0
        if stays.any():
            values[stays], found[stays] = self.values[rows[stays]], self.labels[rows[stays]]
        values[~stays], found[~stays] = fetched, labels[source]
        return Memory(values, found, tuple(classes), self.budget, self.kind, seen)
