"""Labels of samples as one array, which may be larger than memory: checked and counted a piece at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["count_classes", "label_array"]

PIECE = 1 << 16  # labels looked at in one go
_MOST_CLASSES = 1 << 24


def label_array(labels: Any) -> NDArray[Any]:
    """The labels as a 1-D integer array, without a copy of an array that is one; a memory map stays one.

    Raises:
        LeveretUsageError: labels that are not one whole number a sample; says how to make them so.
    """
    array = np.asanyarray(labels)
    kind = array.dtype.kind
    if array.ndim == 2 and kind in "iubf":
        raise LeveretUsageError(_of_rows(array))
    if array.ndim != 1:
        raise LeveretUsageError(f"labels must be 1-D, one class a sample, got the shape {array.shape}")
    if len(array) == 0:
        raise LeveretUsageError("labels hold no sample")
    if kind == "b":
        raise LeveretUsageError("labels must be whole numbers, got booleans: give labels.astype(np.uint8)")
    if kind in "USO":
        raise LeveretUsageError(
            f"labels must be whole numbers, got {array.dtype} such as {array[0]!r}: number the classes first, e.g. "
            "np.unique(labels, return_inverse=True)[1]"
        )
    if kind not in "iu":
        raise LeveretUsageError(
            f"labels must be whole numbers, got {array.dtype}: if they are classes, give labels.astype(np.int64)"
        )
    return array


def _of_rows(array: NDArray[Any]) -> str:
    first = np.asarray(array[: min(len(array), 1000)])
    text = f"labels must be 1-D, one class a sample, got the shape {array.shape}"
    if array.shape[1] == 1:
        return f"{text}: give labels[:, 0]"
    if np.isin(first, (0, 1)).all() and (first.sum(1) == 1).all():
        return f"{text}, which looks one-hot: give labels.argmax(1)"
    return (
        f"{text}, which looks multi-label. A sample of several classes has no one frequency: weigh the classes in the "
        "objective instead, or give the rarest class of each sample"
    )


def count_classes(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Samples of each class, `(classes,)`: one pass, in constant memory beyond the counts.

    Raises:
        LeveretDataError: a label that is negative, or far beyond the number of samples; names the first such sample.
    """
    most = min(_MOST_CLASSES, 1000 + len(labels))
    counts = np.zeros(1, np.int64)
    for start in range(0, len(labels), PIECE):
        piece = np.asarray(labels[start : start + PIECE])
        lowest, highest = int(piece.min()), int(piece.max())
        if lowest < 0:
            _refuse(piece, piece < 0, start, "is negative; classes count from 0, so leave samples without a class out")
        if highest >= most:
            _refuse(piece, piece >= most, start, f"is beyond {most - 1}; classes count from 0")
        found = np.bincount(piece.astype(np.intp, copy=False))
        if len(found) > len(counts):
            counts = np.pad(counts, (0, len(found) - len(counts)))
        counts[: len(found)] += found
    return counts


def _refuse(piece: NDArray[Any], bad: NDArray[np.bool_], start: int, reason: str) -> None:
    first = int(np.flatnonzero(bad)[0])
    raise LeveretDataError(f"sample {start + first}: label {piece[first]} {reason}")
