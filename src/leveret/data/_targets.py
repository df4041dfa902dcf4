"""Labels given as arrays: names, booleans, numbers of any value or one-hot rows become classes 0..k−1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["as_array", "encode_targets"]

_KINDS = {"U": "names", "b": "booleans", "i": "whole numbers", "1": "one-hot rows"}


def encode_targets(
    targets: dict[str, Any], classes: Sequence[Any] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Labels of each part as int64 from 0, and the classes' names.

    Args:
        targets: of each part, named as the user's argument (`y`, `y_val`): names, booleans or whole numbers of any
            value `(n,)` or `(n, 1)`; or one-hot rows `(n, classes)`.
        classes: names in their order. Labels are these names; numbers count them from 0, unless all names are numbers,
            and booleans unless they are False and True. Default: the distinct labels of all parts, sorted.

    Raises:
        LeveretDataError: labels that are missing, fractions, of mixed types, of several classes a sample, or not among
            the classes; names the first such row.
        LeveretUsageError: `classes` that repeat, or fewer than two.
    """
    if classes is not None:
        names = tuple(str(name) for name in classes)
        if len(names) < 2 or len(set(names)) < len(names):
            raise LeveretUsageError(f"classes must be at least two distinct names, got {classes!r}")
    read = {name: _column(as_array(target), name) for name, target in targets.items()}
    kinds = {kind for kind, _ in read.values()}
    if len(kinds) > 1:
        found = ", ".join(f"{name} holds {_KINDS[kind]}" for name, (kind, _) in read.items())
        raise LeveretDataError(f"the parts' labels must be of one type; {found}")
    kind = kinds.pop()
    columns = {name: column for name, (_, column) in read.items()}
    if kind == "1":
        return _of_one_hot(columns, targets, classes)
    if classes is None:
        distinct = np.unique(np.concatenate(list(columns.values())))
        encoded = {name: np.searchsorted(distinct, column).astype(np.int64) for name, column in columns.items()}
        return encoded, tuple(str(value) for value in distinct.tolist())
    return {name: _placed(column, names, name) for name, column in columns.items()}, names


def as_array(values: Any) -> NDArray[Any]:
    """An array of `values`, in which the words of a list don't turn its numbers into words."""
    if isinstance(values, (list, tuple)) and any(isinstance(value, str) for value in values):
        return np.array([*values, None], dtype=object)[:-1]
    return np.asarray(values)


def _column(target: NDArray[Any], name: str) -> tuple[str, NDArray[Any]]:
    """The kind of labels and the labels `(n,)`: texts, booleans or int64; of one-hot rows, the place of the one."""
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim == 2:
        return "1", _ones(target, name)
    if target.ndim != 1:
        raise LeveretDataError(f"{name} must be labels (n,) or one-hot rows (n, classes), got shape {target.shape}")
    if target.dtype.kind == "O":
        target = _typed(target, name)
    if target.dtype.kind in "UT":
        return "U", target.astype(np.str_)
    if target.dtype.kind == "b":
        return "b", target
    if target.dtype.kind == "f":
        bad = ~np.isfinite(target) | (target != np.floor(target)) | (np.abs(target) > 2**53)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise LeveretDataError(
                f"{name}: label {target[row]} of row {row} must be a whole number, a name or a boolean "
                f"({int(bad.sum())} such labels); to predict quantities is no classification"
            )
    elif target.dtype.kind not in "iu":
        raise LeveretDataError(f"{name} must hold names, booleans or whole numbers, got {target.dtype}")
    return "i", target.astype(np.int64)


def _typed(target: NDArray[Any], name: str) -> NDArray[Any]:
    """A column of objects as one of names, booleans or numbers."""
    for row, value in enumerate(target):
        if value is None or value != value or type(value).__name__ == "NAType":
            raise LeveretDataError(f"{name}: the label of row {row} is missing ({value!r})")
    for types, dtype in (((str,), np.str_), ((bool, np.bool_), np.bool_), ((int, np.integer), np.int64)):
        if all(isinstance(value, types) for value in target):
            return target.astype(dtype)
    if all(isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in target):
        return target.astype(np.float64)
    found = sorted({type(value).__name__ for value in target})
    raise LeveretDataError(f"{name} must hold labels of one type, names or numbers; it holds {', '.join(found)}")


def _ones(target: NDArray[Any], name: str) -> NDArray[np.int64]:
    if target.dtype.kind not in "biufO" or target.shape[1] == 0:
        raise LeveretDataError(f"{name} must be one label a row, got {target.dtype} of shape {target.shape}")
    numbers = target.astype(np.float64)
    binary = ((numbers == 0) | (numbers == 1)).all(1)
    if not binary.all():
        row = int(np.flatnonzero(~binary)[0])
        raise LeveretDataError(
            f"{name}: row {row} is {target[row].tolist()}, neither one label nor one-hot. Of shares per class, give "
            "the largest's place (argmax over axis 1), or learn them with Distillation"
        )
    several = numbers.sum(1) != 1
    if several.any():
        row = int(np.flatnonzero(several)[0])
        raise LeveretDataError(
            f"{name}: row {row} has {int(numbers[row].sum())} classes, and a classifier here gives one a sample "
            f"({int(several.sum())} such rows). For many labels a sample, train a classifier per column, as "
            "scikit-learn's MultiOutputClassifier does over a LeveretClassifier, or make each combination a class"
        )
    return numbers.argmax(1).astype(np.int64)


def _of_one_hot(
    columns: dict[str, NDArray[np.int64]], targets: dict[str, Any], classes: Sequence[Any] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    widths = {name: np.shape(target)[1] for name, target in targets.items()}
    first, width = next(iter(widths.items()))
    if len(set(widths.values())) > 1:
        raise LeveretDataError(f"one-hot labels differ in their number of classes: {widths}")
    own = getattr(targets[first], "columns", range(width))
    names = tuple(str(name) for name in (own if classes is None else classes))
    if len(names) != width:
        raise LeveretDataError(f"{first} has {width} columns, one a class, but there are {len(names)} classes")
    return columns, names


def _placed(column: NDArray[Any], names: tuple[str, ...], name: str) -> NDArray[np.int64]:
    """Places of labels among the classes, by name, or of numbers that count them; told by the names alone."""
    distinct, where = np.unique(column, return_inverse=True)
    kind = column.dtype.kind
    named = kind == "U" or (set(names) == {"False", "True"} if kind == "b" else all(map(_is_number, names)))
    place = {title: i for i, title in enumerate(names)} if named else {str(i): i for i in range(len(names))}
    found = [place.get(str(value if named else int(value)), -1) for value in distinct.tolist()]
    places = np.array(found, np.int64)[where.reshape(-1)] if len(column) else np.empty(0, np.int64)
    if (places < 0).any():
        row = int(np.flatnonzero(places < 0)[0])
        right = "" if named else f", which whole numbers in 0..{len(names) - 1} count"
        raise LeveretDataError(
            f"{name}: label {column[row].item()!r} of row {row} is none of the {len(names)} classes{right}"
        )
    return places


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
