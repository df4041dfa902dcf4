"""Parts that run over sequences of any length, and what is done with sequences that stand one after the other.

A part's graph is of one place: a token, or as many as a filter spans. Its steps know no length, so that they run over
all sequences of a batch at once, laid end to end as one image of height 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime._contract import InputContract
from leveret.runtime._packed import Packed

__all__ = ["SequencePart", "check_steps", "largest", "pieces", "starts_of"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_PIECE = 4096  # tokens of a text that are run at once


class SequencePart(Packed):
    """A part that is run by its own steps, over any number of places."""

    def _engine_for(self, contract: InputContract) -> Any | None:
        return None

    def along(self, values: NDArray[Any], threads: int) -> Floats:
        """Run over places: ids `(n,)`, or rows `(n, channels)`, to rows `(n', channels')`.

        Of n places as many come out as there are windows within them.
        """
        found = (values[:, None] if values.ndim == 1 else values)[None, None]
        for op in self._ops:
            found = op.run([found], threads)
        return found[0, 0]

    @property
    def reach(self) -> int:
        """How many places a window spans."""
        return int(self.input.shape[-1])

    @property
    def weight(self) -> Floats:
        """Of the last step, `(out, in)`, for what multiplies by it step by step."""
        weight = self._ops[-1].arrays["weight"]
        return weight.reshape(len(weight), -1)


def check_steps(name: str, part: Packed, *allowed: str) -> None:
    """That a part is one of these operations alone, of a window without strides, padding or gaps.

    Raises:
        LeveretFormatError: it isn't.
    """
    steps = part.graph.steps
    ops = [step.op for step in steps]
    if len(ops) != 1 or ops[0] not in allowed or len(steps[0].inputs) != 1:
        raise LeveretFormatError(f"part {name!r} must be one step, {' or '.join(allowed)}; it is {', '.join(ops[:4])}")
    values = part.ops[0].values
    plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    if wrong := [key for key, value in plain.items() if key in values and values[key] != value]:
        raise LeveretFormatError(f"part {name!r}: {wrong[0]} must be {plain[wrong[0]]}, got {values[wrong[0]]}")
    if ops[0] == "conv2d" and part.output_shape[1:] != (1, 1):
        raise LeveretFormatError(f"part {name!r} must take one window, it gives {part.output_shape[1:]} places")


def starts_of(lengths: Ints) -> Ints:
    """Where each sequence begins that stands behind the others, `(n,)`."""
    return np.cumsum(lengths) - lengths


def pieces(lengths: Ints, overlap: int) -> Iterator[tuple[int, int, int]]:
    """Sequences cut into pieces that overlap, so that each window lies in one: sequence, first token, and how many."""
    for i, length in enumerate(lengths.tolist()):
        start = 0
        while True:
            yield i, start, min(_PIECE, length - start)
            if start + _PIECE >= length:
                break
            start += _PIECE - overlap


def largest(ids: Ints, lengths: Ints, table: SequencePart, filters: list[SequencePart], threads: int) -> list[Floats]:
    """The largest answer of each filter over each sequence, `(n, filters)` of each width; at least 0.

    A sequence has `width − 1` zeros on either side; one without a token is zeros alone.

    Args:
        ids: of all sequences, one after the other.
        lengths: `(n,)`.
        table: from ids to vectors.
        filters: of each width one part.
    """
    around = max(part.reach for part in filters) - 1
    channels = [part.output_shape[0] for part in filters]
    maxima = [np.zeros((len(lengths), width), np.float32) for width in channels]
    begins = starts_of(lengths)
    batch: list[tuple[int, int, int]] = []
    held = 0
    for piece in pieces(lengths, around):
        batch.append(piece)
        held += piece[2] + around
        if held >= _PIECE:
            _run(batch, ids, begins, lengths, table, filters, around, maxima, threads)
            batch, held = [], 0
    if batch:
        _run(batch, ids, begins, lengths, table, filters, around, maxima, threads)
    return maxima


def _run(
    batch: list[tuple[int, int, int]],
    ids: Ints,
    begins: Ints,
    lengths: Ints,
    table: SequencePart,
    filters: list[SequencePart],
    around: int,
    maxima: list[Floats],
    threads: int,
) -> None:
    """Bring the maxima up to date with some pieces, between which stand as many zeros as the widest filter needs."""
    sizes = np.array([size for _, _, size in batch])
    places = around + starts_of(sizes + around)
    row = np.zeros(int(sizes.sum()) + around * (len(batch) + 1), np.int64)
    within = np.zeros(len(row), bool)
    for (i, start, size), place in zip(batch, places, strict=True):
        row[place : place + size] = ids[begins[i] + start : begins[i] + start + size]
        within[place : place + size] = True
    vectors = table.along(row, threads)
    vectors[~within] = 0
    for part, best in zip(filters, maxima, strict=True):
        if len(vectors) < part.reach:
            continue
        answers = part.along(vectors, threads)
        before = part.reach - 1
        for (i, start, size), place in zip(batch, places, strict=True):
            # at a text's own ends windows reach into the zeros, at those of a piece they don't
            first = place - before if start == 0 else place
            last = place + size if start + size == lengths[i] else place + size - before
            if last > first:
                np.maximum(best[i], answers[first:last].max(0), out=best[i])
