"""`from_arrays`: from arrays, data frames and lists in memory to `Data`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.data._features import table_of
from leveret.data._labels import check_classes
from leveret.data._measure import measure
from leveret.data._npz import holds_fractions, pixels_of
from leveret.data._pixels import ArraySource, TextSource
from leveret.data._raw import Part, Raw
from leveret.data._split import check_fractions, split_parts
from leveret.data._targets import as_array, encode_targets
from leveret.data._types import Data, LoadReport, Source
from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning

__all__ = ["Samples", "alike", "from_arrays", "samples_of"]


def from_arrays(
    x: Any,
    y: Any,
    *,
    x_val: Any = None,
    y_val: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    classes: Sequence[Any] | None = None,
    val_fraction: float = 0.1,
    test_fraction: float = 0.0,
    groups: ArrayLike | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    seed: int = 0,
    name: str = "arrays",
) -> Data:
    """Images, rows of numbers or texts in memory, with their labels, split, and ready to train on.

    Args:
        x: one of
            images `(n, height, width)`, `(n, height, width, 1 or 3)` or `(n, 1 or 3, height, width)`, uint8 or floats
            in 0..1 (kept as uint8, so rounded to 1/255);
            a table: numbers or booleans `(n, features)`, or a data frame of such columns (kept as float32);
            texts: strings `(n,)`, an array, a list or a pandas series.
        y: a label a sample, `(n,)` or `(n, 1)`: names, booleans, or whole numbers of any value; or one-hot rows
            `(n, classes)`.
        x_val, y_val, x_test, y_test: the other parts, like `x` and `y`. Default: held out from `x`.
        classes: names, in their order. Labels are these names; numbers count them from 0, unless all names are numbers.
            Default: the labels, sorted.
        val_fraction, test_fraction: shares of `x` that are held out where the part isn't given, class by class.
        groups: `(n,)`, of any values: samples of one group (a patient, a photo that was cut up) never stand in two
            parts; the parts' shares and classes are then as near to the wanted ones as whole groups allow.
        columns: what else is known of each sample, by a name: a value each, None or NaN where it isn't. Samples are
            those of `x`, then of `x_val`, then of `x_test`.
        seed: of the splits.
        name: short, for titles and messages.

    Raises:
        LeveretDataError: what can't be used, with its row and column: a value that is missing or infinite, a column of
            words, lengths that differ, labels of several classes a sample, a single class, ….
        LeveretUsageError: an argument out of range, or half a part.

    Warns:
        LeveretWarning: a class without samples, or with one; features too fine for float32. `data.report` lists those
            of classes.

    Example:
        >>> data = leveret.data.from_arrays(frame[["age", "weight"]], frame["outcome"], groups=frame["patient"])
        >>> data.kind, data.input_shape, data.features
        ('table', (2,), ('age', 'weight'))
    """
    check_fractions(val_fraction, test_fraction)
    given = {"": (x, y)}
    for suffix, pair in (("_val", (x_val, y_val)), ("_test", (x_test, y_test))):
        if any(part is not None for part in pair):
            if any(part is None for part in pair):
                raise LeveretUsageError(f"give x{suffix} and y{suffix} together")
            given[suffix] = pair
    samples = {"": samples_of(x, "x")}
    for suffix in list(given)[1:]:
        samples[suffix] = samples_of(given[suffix][0], f"x{suffix}", samples[""].fractions)
    alike(samples)
    targets, names = encode_targets({f"y{suffix}": ys for suffix, (_, ys) in given.items()}, classes)
    labels, raw = {}, Raw("text", {}, features=samples[""].features)
    for suffix, found in samples.items():
        column = targets[f"y{suffix}"]
        if len(column) != len(found.values):
            raise LeveretDataError(
                f"x{suffix} has {len(found.values)} samples and y{suffix} {len(column)} labels; they must be as many"
            )
        part = suffix[1:] or ("all" if len(given) == 1 else "train")
        labels[part] = column
        raw.parts[part] = Part(found.values, column, range(len(column)))  # type: ignore[arg-type]
    labels, names = check_classes(labels, names, raw)
    members = None if groups is None else _groups(groups, len(samples[""].values))
    report = LoadReport(found=sum(len(column) for column in labels.values()), warnings=raw.warnings)
    source, places = _joined(samples, list(labels))
    fractions = val_fraction, test_fraction
    beside = _columns(columns or {}, report.found)
    splits = split_parts(
        source, places, labels, len(names), seed, *fractions, report.notes, groups=members, columns=beside
    )
    for text in report.warnings:
        warnings.warn(LeveretWarning(f"{name}: {text}"), stacklevel=2)
    kind, features = samples[""].kind, samples[""].features
    shape: Any = samples[""].values.shape[1:] if kind == "image" else (0, 0, 0)
    parts = splits["train"], splits["val"], splits["test"]
    return Data(name, name, kind, *parts, names, shape, measure(splits["train"], kind), report, features)


@dataclass(frozen=True)
class Samples:
    """What an argument holds: uint8 images `(n, channels, height, width)`, float32 rows, or a list of texts.

    `fractions` says how floats were taken for pixels, see `pixels_of`.
    """

    kind: Literal["image", "table", "text"]
    values: Any
    features: tuple[str, ...] = ()
    fractions: bool | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return () if self.kind == "text" else self.values.shape[1:]


def samples_of(x: Any, name: str, fractions: bool | None = None) -> Samples:
    """What an argument called `name` holds; floats are taken for pixels as `fractions` says, else by what they are."""
    if hasattr(x, "toarray"):
        raise LeveretDataError(f"{name} is a sparse matrix, and nets take dense rows: give {name}.toarray()")
    if hasattr(x, "iloc") and hasattr(x, "columns"):
        return Samples("table", *table_of(x, name))
    try:
        values = as_array(x)
    except ValueError:
        raise LeveretDataError(f"{name} holds samples of different shapes; all must be of one") from None
    if values.ndim == 2:
        return Samples("table", *table_of(x if hasattr(x, "columns") else values, name))
    if values.ndim in (3, 4):
        if fractions is None and values.dtype.kind == "f":
            fractions = holds_fractions(values)
        return Samples("image", pixels_of(values, name, fractions), fractions=fractions)
    if values.ndim == 1 and (values.dtype.kind in "UTO" or not len(values)):
        for row, text in enumerate(values):
            if not isinstance(text, str):
                raise LeveretDataError(f"{name}: row {row} holds {text!r} where a text must be")
        return Samples("text", [str(text) for text in values])
    hint = f"; one feature a row is {name}.reshape(-1, 1)" if values.ndim == 1 else ""
    raise LeveretDataError(
        f"{name} must be images (3 or 4 dimensions), rows of numbers (2) or texts (1), got {values.dtype} of shape "
        f"{values.shape}{hint}"
    )


def alike(samples: dict[str, Samples]) -> None:
    """Refuse parts that differ in kind, shape or columns."""
    first = samples[""]
    for suffix, other in samples.items():
        if other.kind != first.kind or other.shape != first.shape:
            raise LeveretDataError(
                f"x holds {first.kind}s of shape {first.shape} and x{suffix} {other.kind}s of shape {other.shape}; "
                "all parts must be alike"
            )
        if other.features != first.features:
            raise LeveretDataError(f"x has columns {first.features} and x{suffix} {other.features}; order counts")


def _joined(samples: dict[str, Samples], parts: list[str]) -> tuple[Source, dict[str, NDArray[np.int64]]]:
    """All parts one after the other, and where each part's samples stand; "all" and "train" stand first."""
    ends = np.cumsum([0, *(len(found.values) for found in samples.values())])
    places = {part: np.arange(ends[i], ends[i + 1]) for i, part in enumerate(parts)}
    values = [found.values for found in samples.values()]
    if samples[""].kind == "text":
        return TextSource([text for part in values for text in part]), places
    return ArraySource(values[0] if len(values) == 1 else np.concatenate(values)), places


def _columns(columns: Mapping[str, Any], size: int) -> dict[str, NDArray[Any]]:
    found = {}
    for name, values in columns.items():
        if len(values) != size:
            raise LeveretDataError(f"column {name!r} must have a value a sample, {size}; it has {len(values)}")
        found[name] = np.empty(size, object)
        found[name][:] = list(values)
    return found


def _groups(groups: ArrayLike, size: int) -> NDArray[np.int64]:
    values = np.asarray(groups)
    if values.shape != (size,):
        raise LeveretDataError(f"groups must be one a sample of x, ({size},), got shape {values.shape}")
    if values.dtype.kind == "O":
        missing = [row for row, value in enumerate(values) if value is None or value != value]
        values = values.astype(np.str_)
    else:
        missing = np.flatnonzero(values != values).tolist()
    if missing:
        raise LeveretDataError(f"groups: row {missing[0]} has none ({len(missing)} such rows)")
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)
