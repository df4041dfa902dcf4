"""Rows of numbers: arrays, lists and data frames become float32 `(n, features)`, and what can't be is named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretDataError, LeveretWarning

__all__ = ["as_float32", "table_of", "unusable_rows"]

_ENCODE = "encode it as numbers first, with scikit-learn's OneHotEncoder or OrdinalEncoder"
# below this share of its mean, a feature's deviation is lost among the roundings of float32
_COARSE = 1e-6


def table_of(x: Any, name: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The rows of `x` as float32 `(n, features)`, and the features' names: a frame's columns, or x0, x1, ….

    Args:
        x: a data frame, or numbers or booleans `(n, features)`.
        name: of `x` in messages.

    Raises:
        LeveretDataError: a column that isn't of numbers, no column, or a value that is missing, infinite or beyond
            float32; names row and column.

    Warns:
        LeveretWarning: features whose values float32 can't tell apart.
    """
    values = _of_frame(x, name) if hasattr(x, "iloc") else _of_array(np.asarray(x), name)
    columns = getattr(x, "columns", None)
    features = tuple(f"x{i}" for i in range(values.shape[1])) if columns is None else tuple(str(c) for c in columns)
    if not features:
        raise LeveretDataError(f"{name} has no feature: its shape is {values.shape}")
    reasons = unusable_rows(values, features)
    if reasons:
        first = next(iter(reasons))
        more = f" ({len(reasons)} rows hold such values)" if len(reasons) > 1 else ""
        raise LeveretDataError(
            f"{name}: row {first}, {reasons[first]}{more}. Drop such rows, or fill them with scikit-learn's "
            "SimpleImputer"
        )
    return as_float32(values, features), features


def unusable_rows(values: NDArray[np.float64], features: tuple[str, ...]) -> dict[int, str]:
    """The rows that hold a value which no net can take, each with the first such column and what stands there."""
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(values.astype(np.float32))
    found = {}
    for row in np.flatnonzero(bad.any(1)):
        column = int(np.flatnonzero(bad[row])[0])
        value = values[row, column]
        what = "is missing (NaN)" if np.isnan(value) else f"is {value:g}" + ("" if np.isinf(value) else ", too large")
        found[int(row)] = f"column {features[column]!r} {what}"
    return found


def as_float32(values: NDArray[np.float64], features: tuple[str, ...]) -> NDArray[np.float32]:
    """The finite `values` as a net takes them.

    Warns:
        LeveretWarning: features that vary by less than a millionth of their mean: float32 has seven digits.
    """
    rounded = np.ascontiguousarray(values, np.float32)
    if len(values):
        spread = values.std(0)
        lost = np.flatnonzero((spread > 1e-12 * np.abs(values).max(0)) & (spread < _COARSE * np.abs(values.mean(0))))
        if lost.size:
            warnings.warn(
                LeveretWarning(
                    f"{len(lost)} features vary by less than a millionth of their mean, the first is "
                    f"{features[lost[0]]!r}: float32 can't tell their values apart. Subtract an offset first"
                ),
                stacklevel=2,
            )
    return rounded


def _of_frame(x: Any, name: str) -> NDArray[np.float64]:
    columns = []
    for i, title in enumerate(x.columns):
        column = x.iloc[:, i]
        if getattr(column.dtype, "kind", "O") not in "iufb":
            try:
                # a column of objects may still hold numbers alone
                columns.append(_of_array(np.asarray(column.to_numpy(), object)[:, None], name)[:, 0])
            except LeveretDataError:
                raise LeveretDataError(f"{name}: column {str(title)!r} holds {column.dtype}; {_ENCODE}") from None
            continue
        columns.append(column.to_numpy(np.float64, na_value=np.nan))
    return np.stack(columns, 1) if columns else np.empty((len(x), 0))


def _of_array(x: NDArray[Any], name: str) -> NDArray[np.float64]:
    if x.dtype.kind in "iufb":
        return x.astype(np.float64)
    if x.dtype.kind == "O":
        for row, values in enumerate(x):
            for column, value in enumerate(values):
                if value is not None and not isinstance(value, (int, float, np.number, np.bool_)):
                    raise LeveretDataError(
                        f"{name}: row {row}, column {column} holds {value!r}, which is not a number; {_ENCODE}"
                    )
        return np.where(x == None, np.nan, x).astype(np.float64)  # noqa: E711 - item by item
    raise LeveretDataError(f"{name} must hold numbers, got {x.dtype}; {_ENCODE}")
