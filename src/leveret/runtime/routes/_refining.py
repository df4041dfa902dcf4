"""The refined features of a batch, as they come to be: coarse ones, in which fine vectors take their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._packed import Packed
from leveret.runtime.routes._amounts import UntilSure
from leveret.runtime.routes._windows import Windows

__all__ = ["Refining", "Run"]

_PIECE = 64 << 20  # bytes of patches that are cut out at once

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Run:
    """Runs parts by their names, and remembers what each was given."""

    def __init__(self, parts: Mapping[str, Packed], threads: int) -> None:
        self._parts, self._threads = parts, threads
        self.given: list[tuple[str, NDArray[Any]]] = []

    def __call__(self, name: str, batch: NDArray[Any]) -> Floats:
        self.given.append((name, batch))
        return self._parts[name].results(batch, self._threads)


class Refining:
    """Refines a batch.

    Args:
        windows: of the images.
        run: runs the parts `fine`, `whole` and `top`.
        images: `(batch, channels, height, width)`.
        coarse: their coarse features `(batch, rows, columns, D)`, which are overwritten.
        costs: operations of a patch and of a whole image.

    Attributes:
        counts: `(batch,)`, the places of each image that have been refined.
        patches, images: how many windows, and whole images, the fine layers ran on.
    """

    def __init__(
        self, windows: Windows, run: Run, images: NDArray[Any], coarse: Floats, costs: tuple[int, int]
    ) -> None:
        self._windows, self._run, self._features, self._costs = windows, run, coarse, costs
        self._pixels = np.ascontiguousarray(images)
        batch, rows, columns, channels = coarse.shape
        self._flat = coarse.reshape(batch, rows * columns, channels)
        self.counts = np.zeros(len(coarse), np.int64)
        self._taken: list[tuple[Ints, Ints]] = []
        self.patches = self.images = 0

    @property
    def sample(self) -> Ints:
        """Of each refined place the image, `(n,)`."""
        return np.concatenate([np.empty(0, np.int64), *(sample for sample, _ in self._taken)])

    @property
    def place(self) -> Ints:
        """Of each the place, `row · columns + column`."""
        return np.concatenate([np.empty(0, np.int64), *(place for _, place in self._taken)])

    def at_once(self, counts: int | Ints, scores: Floats, coarse_logits: Floats | None) -> Floats:
        """Refine so many of each image's best places; gives the logits.

        Args:
            counts: of every image, or `(batch,)`.
            scores: `(batch, places)`.
            coarse_logits: those of images without any; None where they aren't known.
        """
        if isinstance(counts, int):
            order = _ranked(scores, counts)
            self.counts = np.full(len(scores), counts)
            images = np.arange(len(scores))
            if order.size:
                self._refine(images.repeat(counts), order.ravel(), images)
            elif coarse_logits is not None:
                return coarse_logits
            return self._run("top", self._features)
        self._take(counts, _ranked(scores, int(counts.max(initial=0))))
        if coarse_logits is None or counts.all():
            return self._run("top", self._features)
        some = np.flatnonzero(counts)
        logits = np.array(coarse_logits)
        if len(some):
            logits[some] = self._run("top", self._features[some])
        return logits

    def until_sure(self, rule: UntilSure, scores: Floats, coarse_logits: Floats) -> Floats:
        """Refine in rounds, each for those images that aren't sure yet; gives the logits."""
        most = min(rule.at_most, scores.shape[1])
        order = _ranked(scores, most)
        logits, before = np.array(coarse_logits), _entropy(coarse_logits)
        going = np.flatnonzero(before > rule.sure)
        while len(going):
            counts = self.counts.copy()
            counts[going] = np.minimum(counts[going] + rule.step, most)
            self._take(counts, order)
            logits[going] = self._run("top", self._features[going])
            after = _entropy(logits[going])
            fell = before[going] - after > rule.fall
            before[going] = after
            going = going[fell & (after > rule.sure) & (counts[going] < most)]
        return logits

    def _take(self, counts: Ints, order: Ints) -> None:
        """Refine until each image has `counts` places, in the order of its places."""
        rank = np.arange(order.shape[1])
        sample, rank = np.nonzero((rank >= self.counts[:, None]) & (rank < counts[:, None]))
        grown = np.flatnonzero(counts > self.counts)
        self.counts = counts
        if len(sample):
            self._refine(sample, order[sample, rank], grown)

    def _refine(self, sample: Ints, place: Ints, images: Ints) -> None:
        """Compute fine vectors, where `images` are the different ones of `sample`, and put them in their places."""
        self._taken.append((sample, place))
        if self._windows.whole_size is not None and len(sample) * self._costs[0] >= len(images) * self._costs[1]:
            features = self._run("whole", self._windows.wholes(self._pixels, images))
            at = np.searchsorted(images, sample)
            self._flat[sample, place] = features.reshape(len(images), -1, features.shape[-1])[at, place]
            self.images += len(images)
            return
        self.patches += len(sample)
        down, across = self._windows.size
        most = max(1, _PIECE // (4 * self._pixels.shape[1] * down * across))
        for first in range(0, len(sample), most):
            piece = slice(first, first + most)
            patches = self._windows.patches(self._pixels, sample[piece], place[piece])
            vectors = self._windows.vectors(self._run("fine", patches), place[piece])
            self._flat[sample[piece], place[piece]] = vectors


def _ranked(scores: Floats, most: int) -> Ints:
    """Each image's best places, the very best in front, equals in reading order."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :most]


def _entropy(logits: Floats) -> Floats:
    """Of class probabilities, in nats: `(n, num_classes)` to `(n,)`."""
    logs = logits - logits.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    return -(np.exp(logs) * logs).sum(1)
