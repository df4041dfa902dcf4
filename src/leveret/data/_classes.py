"""Data by its classes: only some of them, or several sources as one, whose classes are known by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data._types import Data, LoadReport, Normalization, Split
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["joined", "of_classes"]


def of_classes(data: Data, names: Sequence[str], *, absent: bool = False) -> Data:
    """The samples of some classes alone, whose labels are the places in `names`; nothing is copied.

    Args:
        data: from `leveret.load`; it is not changed.
        names: of its classes, in the wanted order.
        absent: whether there may be names of classes that the data lacks, which then have no sample.

    Raises:
        LeveretUsageError: a class that the data lacks, or one that is named twice.
    """
    here = [name for name in names if name in data.classes]
    if not absent and (unknown := [name for name in names if name not in data.classes]):
        raise LeveretUsageError(f"{data.name} has no class {unknown[0]!r}; it has {', '.join(data.classes)}")
    if len(set(names)) < len(names):
        raise LeveretUsageError(f"each class must be named once, got {', '.join(names)}")
    label_of = np.full(data.num_classes, -1, np.int64)
    for name in here:
        label_of[data.classes.index(name)] = names.index(name)

    def kept(split: Split) -> Split:
        # those without a label are of no class
        labels = np.where(split.labels < 0, -1, label_of[np.maximum(split.labels, 0)])
        known = np.flatnonzero(labels >= 0)
        return split.subset(known).relabelled(labels[known], len(names))

    return replace(data, classes=tuple(names), train=kept(data.train), val=kept(data.val), test=kept(data.test))


def joined(sources: Sequence[Data], *, normalization: Normalization | None = None, name: str | None = None) -> Data:
    """Several sources as one: each part has the samples of all, and each class those of every source that names it.

    Args:
        sources: of the same kind and shape; they are not changed, and nothing is copied.
        normalization: of the whole; default: the first one's.
        name: short, for titles; default: the first one's.

    Returns:
        `Data` whose classes are the first source's, then those that each next one adds.

    Raises:
        LeveretUsageError: no source.
        LeveretDataError: sources that differ in kind, shape or columns; says which, and how.
    """
    if not sources:
        raise LeveretUsageError("there must be at least one source to join")
    first = sources[0]
    for other in sources[1:]:
        if (other.kind, other.input_shape, other.features) != (first.kind, first.input_shape, first.features):
            raise LeveretDataError(
                f"{first.name} holds {first.kind}s of shape {first.input_shape}, {other.name} {other.kind}s of shape "
                f"{other.input_shape}; sources must be alike to be joined"
            )
    classes = tuple(dict.fromkeys(label for data in sources for label in data.classes))

    def part(name: str) -> Split:
        splits = []
        for data in sources:
            label_of = np.array([classes.index(label) for label in data.classes], np.int64)
            split = data.splits[name]
            labels = np.where(split.labels < 0, split.labels, label_of[np.maximum(split.labels, 0)])
            splits.append(split.relabelled(labels, len(classes)))
        if len(splits) == 1:
            return splits[0]
        labels = np.concatenate([split.labels for split in splits])
        return Split(name, _Joined(splits), np.arange(len(labels)), labels, len(classes))

    report = LoadReport(
        found=sum(data.report.found for data in sources),
        skipped=[skipped for data in sources for skipped in data.report.skipped],
        notes=[note for data in sources for note in data.report.notes],
        warnings=[warning for data in sources for warning in data.report.warnings],
    )
    return replace(
        first,
        name=name or first.name,
        train=part("train"),
        val=part("val"),
        test=part("test"),
        classes=classes,
        normalization=normalization or first.normalization,
        report=report,
    )


class _Joined:
    """Fetches from several splits as if they stood one after the other."""

    def __init__(self, splits: Sequence[Split]) -> None:
        self._splits = splits
        self._ends = np.cumsum([len(split) for split in splits])

    def fetch(self, indices: NDArray[np.int64]) -> Any:
        indices = np.asarray(indices, np.int64)
        owner = np.searchsorted(self._ends, indices, side="right")
        found: list[tuple[NDArray[np.int64], Any]] = []
        # of no sample at all, the first one's empty batch has the right shape
        for number in np.unique(owner) if len(indices) else [0]:
            rows = np.flatnonzero(owner == number)
            start = self._ends[number - 1] if number else 0
            found.append((rows, self._splits[number].fetch(indices[rows] - start)))
        if len(found) == 1:
            return found[0][1]
        if isinstance(found[0][1], list):
            texts = [""] * len(indices)
            for rows, values in found:
                for row, value in zip(rows.tolist(), values, strict=True):
                    texts[row] = value
            return texts
        batch = np.empty((len(indices), *found[0][1].shape[1:]), found[0][1].dtype)
        for rows, values in found:
            batch[rows] = values
        return batch
