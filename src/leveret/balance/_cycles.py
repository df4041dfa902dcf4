"""The instances of each class, drawn in cycles: each once, in a pseudo-random order, before any comes again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.balance._permutation import permuted
from leveret.balance._positions import Positions
from leveret.training._keyed import keys_under, view_keys

__all__ = ["Cycles"]

_ALONE = 1 << 11  # draws of one class in one cycle, from which on they are made by themselves, which is faster
_AT_ONCE = 1 << 15  # draws made at once: what they need stays in the processor's cache

Numbers = NDArray[np.int64]


class Cycles:
    """Draw t of class c is instance π(t mod n_c), where π is a permutation of its own for class and cycle ⌊t / n_c⌋.

    So any draw can be made without those before it, and no order is stored.

    Args:
        positions: of the classes' instances.
        seed: of the permutations.
        replacement: draw t is instead an instance by chance, independent of the others.
    """

    def __init__(self, positions: Positions, seed: int, replacement: bool) -> None:
        self._positions = positions
        self._counts = positions.counts
        self._keys = view_keys(seed, np.arange(len(positions.counts)))
        self._replacement = replacement

    def draws(self, labels: Numbers, firsts: Numbers, counts: Numbers) -> Numbers:
        """For each of some classes, so many draws from a first one on: positions, in the order of the classes."""
        starts = np.cumsum(counts) - counts
        out = np.empty(int(counts.sum()), np.int64)
        spans: list[tuple[int, int, int, int]] = []  # too little to be made by itself: label, draw, count, place in out
        for i in np.flatnonzero(counts >= _ALONE).tolist():
            label, draw, left, start = int(labels[i]), int(firsts[i]), int(counts[i]), int(starts[i])
            size = int(self._counts[label])
            while left:
                cycle, place = divmod(draw, size)
                count = min(left, _AT_ONCE, left if self._replacement or size < _ALONE else size - place)
                if count < _ALONE or (size < _ALONE and not self._replacement):
                    spans.append((label, draw, count, start))
                else:
                    ranks = self._ranks(label, size, cycle, np.arange(place, place + count))
                    out[start : start + count] = self._positions.of(label, ranks)
                draw, left, start = draw + count, left - count, start + count
        few = np.flatnonzero((counts > 0) & (counts < _ALONE))
        rest = np.concatenate(
            [
                np.array(spans, np.int64).reshape(-1, 4).T,
                np.stack([labels[few], firsts[few], counts[few], starts[few]]),
            ],
            axis=1,
        )
        self._draw_spans(out, *rest)
        return out

    def _draw_spans(self, out: Numbers, labels: Numbers, firsts: Numbers, counts: Numbers, starts: Numbers) -> None:
        """Many short spans of draws, together."""
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        for begin in range(0, total, _AT_ONCE):
            end = min(begin + _AT_ONCE, total)
            low, high = np.searchsorted(ends, [begin, end - 1], side="right")
            here = slice(low, high + 1)
            begins = np.maximum(ends[here] - counts[here], begin)
            sizes = np.minimum(ends[here], end) - begins
            each = np.repeat(np.arange(low, high + 1), sizes)
            inside = np.arange(begin, end) - (ends - counts)[each]
            label = labels[each]
            size = self._counts[label]
            cycle, place = np.divmod(firsts[each] + inside, size)
            out[starts[each] + inside] = self._positions.of_each(label, self._ranks(label, size, cycle, place))

    def _ranks(self, labels: Any, sizes: Any, cycles: Any, places: Numbers) -> Numbers:
        """Which instances of classes (one, or one for each place) stand at places of cycles."""
        keys = self._keys[labels]
        if not self._replacement:
            return permuted(places, sizes, keys_under(keys, cycles))
        bits = keys_under(keys, places + cycles * sizes)
        return ((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 * sizes).astype(np.int64)
