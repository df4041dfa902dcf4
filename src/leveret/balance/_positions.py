"""Where the instances of each class stand among the labels: found by class and rank, within a given memory.

The instances of a class are ranked in the order of the labels. For the small classes the positions themselves are
stored, sorted by class (a counting sort). For those that don't fit, a table says how many of the class stand before
each block of labels, as in the rank directories of succinct data structures (Jacobson, "Space-efficient static trees
and graphs", FOCS 1989): the block that holds an instance is searched for in the table, and then in the block itself.
Both answer the same, so that what is drawn doesn't depend on the memory.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.balance._label_array import PIECE
from leveret.balance._mapped import packed_labels, unpacked_labels
from leveret.errors import LeveretDataError, LeveretWarning

__all__ = ["Positions"]

_SMALLEST_BLOCK = 64
_LARGE_BLOCK = 1 << 16  # labels, from which on the search takes longer than all else
_AT_ONCE = 1 << 20  # labels searched at once

Places = NDArray[np.int64]


class Positions:
    """The positions of each class's instances.

    Args:
        labels: `(n,)` integers from 0; kept, and read later, if some class is not stored.
        counts: `(classes,)` int64, of the labels.
        memory: bytes for positions and table, beyond a few numbers for each class.

    Warns:
        LeveretWarning: so many classes don't fit that each draw reads a large block.
    """

    def __init__(self, labels: NDArray[Any], counts: NDArray[np.int64], memory: int) -> None:
        dtype = np.uint32 if len(labels) <= 1 << 32 else np.uint64
        width = np.dtype(dtype).itemsize
        self.counts = counts
        by_size = np.argsort(counts, kind="stable")
        taken = np.cumsum(counts[by_size]) * width
        # what is not stored needs a part of the memory for its table
        fits = int(np.searchsorted(taken, memory if taken[-1] <= memory else memory // 2, side="right"))
        kept = np.sort(by_size[:fits])
        others = np.sort(by_size[fits:])
        self._start = np.full(len(counts), -1, np.int64)
        self._start[kept] = np.cumsum(counts[kept]) - counts[kept]
        self._row = np.full(len(counts), -1, np.int64)
        self._row[others] = np.arange(len(others))
        self._stored = np.empty(int(counts[kept].sum()), dtype)
        self._block = _SMALLEST_BLOCK
        left = memory - self._stored.nbytes
        while self._block < len(labels) and len(others) * (len(labels) // self._block + 2) * width > left:
            self._block *= 2
        if others.size and self._block >= _LARGE_BLOCK:
            needed = len(others) * (len(labels) // _LARGE_BLOCK + 2) * width * 4
            warnings.warn(
                LeveretWarning(
                    f"an index of {len(labels):,} labels in {memory / 1e6:,.0f} MB leaves {len(others):,} classes of "
                    f"which each draw reads {self._block:,} labels, which is slow; memory={needed + memory:,} would do"
                ),
                stacklevel=3,
            )
        blocks = -(-len(labels) // self._block) if others.size else 0
        self._before = np.zeros((len(others), blocks + 1), dtype)
        self._labels = labels if others.size else labels[:0]
        self._build(labels)

    @property
    def nbytes(self) -> int:
        """Bytes of positions and table."""
        return self._stored.nbytes + self._before.nbytes

    def of(self, label: int, ranks: Places) -> NDArray[Any]:
        """Positions of the instances of one class with these ranks, from 0: `(n,)` integers."""
        start = int(self._start[label])
        if start >= 0:
            stored = self._stored[start : start + int(self.counts[label])]
            return stored.take(ranks)
        return self._searched(label, ranks)

    def of_each(self, labels: NDArray[np.int64], ranks: Places) -> Places:
        """Positions of the instances with these ranks, each of its class: `(n,)` int64."""
        starts = self._start[labels]
        out = np.empty(len(labels), np.int64)
        stored = starts >= 0
        out[stored] = self._stored.take(starts[stored] + ranks[stored])
        for label in np.unique(labels[~stored]):
            chosen = labels == label
            out[chosen] = self._searched(int(label), ranks[chosen])
        return out

    def _build(self, labels: NDArray[Any]) -> None:
        """One pass over the labels: fill positions and table."""
        fill = self._start.copy()
        few: type = np.uint8 if len(fill) <= 1 << 8 else np.uint16 if len(fill) <= 1 << 16 else np.int64
        rows = len(self._before)
        for start in range(0, len(labels), PIECE):
            piece: NDArray[Any] = np.asarray(labels[start : start + PIECE]).astype(few)
            if rows:
                row = self._row[piece]
                chosen = np.flatnonzero(row >= 0)
                row = row[chosen]
                first = start // self._block
                blocks = (chosen + start) // self._block - first
                width = int(blocks[-1]) + 1 if len(blocks) else 0
                found = np.bincount(row * width + blocks, minlength=rows * width).reshape(rows, width)
                self._before[:, first + 1 : first + 1 + width] += found.astype(self._before.dtype)
                here = np.flatnonzero(self._start[piece] >= 0)
                piece = piece[here]
            else:
                here = np.arange(len(piece))
            if not len(piece):
                continue
            # numpy sorts numbers of 8 and 16 bits by counting
            order = np.argsort(piece, kind="stable")
            ordered = piece[order]
            begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
            sizes = np.diff(np.r_[begins, len(ordered)])
            present = ordered[begins]
            place = np.arange(len(ordered)) + np.repeat(fill[present] - begins, sizes)
            self._stored[place] = here[order] + start
            fill[present] += sizes
        np.cumsum(self._before, axis=1, out=self._before)

    def _searched(self, label: int, ranks: Places) -> Places:
        """By the table, and in the blocks; in the order of the labels, which memory and disk like best."""
        before = self._before[self._row[label]]
        order = np.argsort(ranks)
        ordered = ranks[order].astype(before.dtype)
        blocks = np.searchsorted(before, ordered, side="right") - 1
        within = (ordered - before[blocks]).astype(np.int64)
        sizes = (before[blocks + 1] - before[blocks]).astype(np.int64)
        out = np.empty(len(ranks), np.int64)
        full = len(self._labels) // self._block
        whole = np.asarray(self._labels[: full * self._block]).reshape(full, self._block)
        at_once = max(1, _AT_ONCE // self._block)
        cut = int(np.searchsorted(blocks, full))
        for start in range(0, cut, at_once):
            part = slice(start, min(start + at_once, cut))
            found = np.flatnonzero(whole[blocks[part]] == label)
            ends = np.cumsum(sizes[part])
            _check_unchanged(len(found), int(ends[-1]))
            inside = found[ends - sizes[part] + within[part]] % self._block
            out[part] = blocks[part] * self._block + inside
        if cut < len(ranks):  # the last block, which is shorter
            found = np.flatnonzero(np.asarray(self._labels[full * self._block :]) == label)
            _check_unchanged(len(found), int(sizes[-1]))
            out[cut:] = full * self._block + found[within[cut:]]
        back = np.empty_like(out)
        back[order] = out
        return back

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_labels": packed_labels(self._labels)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _labels=unpacked_labels(state["_labels"]))


def _check_unchanged(found: int, counted: int) -> None:
    if found != counted:
        raise LeveretDataError("the labels have changed since the sampler counted them: make a new one")
