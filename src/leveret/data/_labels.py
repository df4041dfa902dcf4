"""Labels: names or numbers become classes 0..k−1, and what can't be trained on is refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._skew import class_counts
from leveret.data._raw import Part, Raw
from leveret.errors import LeveretDataError

__all__ = ["UNLABELLED", "check_classes", "encode_labels"]

UNLABELLED = -100  # as training knows it


def encode_labels(raw: Raw) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Labels of each part as int64 from 0, −100 for those that are missing (None), and the classes' names.

    Numbers must be whole; where no names are known the classes are 0..max. Names are sorted.

    Raises:
        LeveretDataError: labels that are fractions, negative, or beyond the known classes; names the first such sample.
    """
    known = {name: _known(part.labels) for name, part in raw.parts.items()}
    if all(found is None for found in known.values()):
        return _encoded(raw)
    labelled = {
        name: part if found is None else _only(part, found)
        for (name, part), found in zip(raw.parts.items(), known.values(), strict=True)
    }
    labels, classes = _encoded(replace(raw, parts=labelled))
    for name, found in known.items():
        if found is not None:
            every = np.full(len(raw.parts[name]), UNLABELLED, np.int64)
            every[found] = labels[name]
            labels[name] = every
    return labels, classes


def _known(labels: Any) -> NDArray[np.int64] | None:
    """The places of labels that aren't missing; None where none is."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind != "O":
        return None
    there = np.array([value is not None for value in labels], bool)
    return None if there.all() else np.flatnonzero(there)


def _only(part: Part, chosen: NDArray[np.int64]) -> Part:
    return Part([], [part.labels[i] for i in chosen], [part.where[i] for i in chosen])


def _encoded(raw: Raw) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    columns = {name: np.asarray(part.labels) for name, part in raw.parts.items()}
    if any(column.dtype.kind in "USO" for column in columns.values()):
        texts = {name: [str(value) for value in raw.parts[name].labels] for name in columns}
        classes = raw.classes or tuple(sorted({text for column in texts.values() for text in column}))
        place = {name: i for i, name in enumerate(classes)}
        return {n: np.array([place[text] for text in column], np.int64) for n, column in texts.items()}, classes
    top = len(raw.classes) - 1 if raw.classes else None
    for name, column in columns.items():
        where = raw.parts[name].where
        if column.dtype.kind == "f":
            bad = ~np.isfinite(column) | (column != np.floor(column))
            _refuse(bad, column, where, "must be a whole number")
        elif column.dtype.kind not in "iub":
            raise LeveretDataError(f"labels must be whole numbers or names, got {column.dtype}")
        _refuse(column < 0, column, where, "is negative; classes count from 0")
        if top is not None:
            _refuse(column > top, column, where, f"is beyond the {top + 1} classes (0..{top})")
    encoded = {name: column.astype(np.int64) for name, column in columns.items()}
    highest = max((int(column.max()) for column in encoded.values() if len(column)), default=-1)
    if raw.classes is None and highest >= 1000 + sum(len(column) for column in encoded.values()):
        raise LeveretDataError(f"label {highest} is far beyond the number of samples; labels count classes from 0")
    return encoded, raw.classes or tuple(str(i) for i in range(highest + 1))


def _refuse(bad: NDArray[np.bool_], column: NDArray[Any], where: Any, reason: str) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        more = f" ({int(bad.sum())} labels in all)" if bad.sum() > 1 else ""
        raise LeveretDataError(f"{where[first]}: label {column[first]} {reason}{more}")


def check_classes(
    labels: dict[str, NDArray[np.int64]], classes: tuple[str, ...], raw: Raw, *, one_class: bool = False
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Drop classes without samples; refuse a single class, unless `one_class`, or one that only the test or validation
    part has.

    Raises:
        LeveretDataError: names the class.
    """
    k = len(classes)
    counts = {name: class_counts(column, k) for name, column in labels.items()}
    total = np.sum(list(counts.values()), axis=0)
    if (empty := np.flatnonzero(total == 0)).size:
        raw.warnings.append(f"{len(empty)} of {k} classes have no sample and are left out: {_few(classes, empty)}")
    if (total > 0).sum() < (1 if one_class else 2):
        only = classes[int(total.argmax())] if total.any() else "none"
        raise LeveretDataError(f"a classifier needs at least two classes, the source has one: {only!r}")
    learnable = counts["all"] if "all" in counts else counts["train"]
    for name, count in counts.items():
        if (unseen := np.flatnonzero((count > 0) & (learnable == 0))).size:
            raise LeveretDataError(
                f"class {_few(classes, unseen)} stands in the {name} part alone; a net can't learn it without "
                "training samples. Move some there, or remove the class"
            )
    if (lonely := np.flatnonzero(learnable == 1)).size:
        raw.warnings.append(f"classes of a single training sample can't be validated: {_few(classes, lonely)}")
    kept = np.flatnonzero(total > 0)
    renumber = np.full(k, -1, np.int64)
    renumber[kept] = np.arange(len(kept))
    found = {name: np.where(column < 0, column, renumber[np.maximum(column, 0)]) for name, column in labels.items()}
    return found, tuple(classes[i] for i in kept)


def _few(classes: tuple[str, ...], chosen: NDArray[Any]) -> str:
    names = [repr(classes[int(i)]) for i in chosen[:5]]
    return ", ".join(names) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else "")
