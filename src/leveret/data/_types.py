"""What a loaded source is: `Data` with three `Split`s, how pixels become numbers, and what was found and skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret._pixels import constants_for
from leveret._skew import class_counts
from leveret.errors import LeveretUsageError

__all__ = ["Data", "LoadReport", "Normalization", "Skipped", "Source", "Split"]


class Source(Protocol):
    """Where a split fetches from: all samples of a source, decoded or not."""

    def fetch(self, indices: NDArray[np.int64]) -> Any:
        """Samples as uint8 `(n, channels, height, width)`, as float32 `(n, features)`, or a list of texts."""
        ...


class Split:
    """One part of the data.

    Attributes:
        name: "train", "val" or "test".
        labels: `(n,)` int64, from 0; −100 where a training sample has none, see `load(unlabelled=True)`.
        num_classes: of the whole data, also those that this part lacks.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        places: NDArray[np.int64],
        labels: NDArray[np.int64],
        num_classes: int,
        columns: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.name = name
        self.labels = labels
        self.num_classes = num_classes
        self._source = source
        self._places = places
        self._columns = dict(columns or {})

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def places(self) -> NDArray[np.int64]:
        """Where the samples stand in the source, `(n,)`: of `from_arrays`, in `x`, then `x_val`, then `x_test`."""
        return self._places

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """What else the source says of each sample, by the columns' names: `(n,)` each, None or NaN for nothing."""
        return {name: values[self._places] for name, values in self._columns.items()}

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """About how long each text is, `(n,)`; None of what isn't texts."""
        lengths = getattr(self._source, "lengths", None)
        return None if lengths is None else lengths(self._places)

    def fetch(self, indices: ArrayLike) -> Any:
        """The samples at `indices`: images as uint8 `(n, channels, height, width)`, rows of a table as float32
        `(n, features)`, or a list of texts."""
        return self._source.fetch(self._places[np.asarray(indices, dtype=np.int64)])

    def subset(self, indices: ArrayLike) -> Split:
        """A split of only the samples at `indices`, in that order; nothing is copied."""
        chosen = np.asarray(indices)
        if chosen.dtype != bool:
            chosen = chosen.astype(np.int64)
        return self._like(self._places[chosen], self.labels[chosen])

    def relabelled(self, labels: NDArray[np.int64], num_classes: int | None = None) -> Split:
        """The same samples with other labels, `(n,)`, perhaps of another number of classes; nothing is copied."""
        made = self._like(self._places, labels)
        if num_classes is not None:
            made.num_classes = num_classes
        return made

    def class_counts(self) -> NDArray[np.int64]:
        """Samples of each class, `(num_classes,)`; those without a label count for none."""
        return class_counts(self.labels, self.num_classes)

    def _like(self, places: NDArray[np.int64], labels: NDArray[np.int64]) -> Split:
        return Split(self.name, self._source, places, labels, self.num_classes, self._columns)

    def __repr__(self) -> str:
        return f"Split({self.name!r}, {len(self)} samples, {self.num_classes} classes)"


@dataclass(frozen=True)
class Normalization:
    """How samples become a net's inputs.

    Images have a mean and a standard deviation per channel, of pixels scaled to 0..1: `x = (pixel / 255 − mean) / std`.
    Tables have them per feature, of the values as they are: `x = (value − mean) / std`.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean or min(self.std) <= 0:
            raise LeveretUsageError(f"mean and std must be as long as the channels, std above 0; got {self}")

    def apply(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Pixels `(n, channels, height, width)` uint8, or a table's rows `(n, features)`, as normalised float32."""
        mean, std = constants_for(values.ndim, self)
        return (values.astype(np.float32) - mean) / std


class Skipped(NamedTuple):
    """A sample that could not be used."""

    where: str
    reason: str


@dataclass
class LoadReport:
    """What was found and what became of it.

    Attributes:
        found: samples (files, rows) that the source names.
        skipped: those that could not be used, each with its reason.
        notes: decisions that were taken for the user (size, channels, splits, cache).
        warnings: what may surprise: classes of one sample, dropped folders.
    """

    found: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def used(self) -> int:
        """Samples that could be read."""
        return self.found - len(self.skipped)


@dataclass
class Data:
    """A source, ready to train on.

    Attributes:
        name: short, for titles.
        source: as it was given to `load`.
        kind: "image", "table" (rows of numbers), "text", "segmentation" (`SegmentationData`) or "tag"
            (`TaggingData`).
        train, val, test: the parts.
        classes: names, in the order of the labels.
        image_shape: `(channels, height, width)`; `(0, 0, 0)` for tables and texts.
        normalization: measured on the training part alone.
        report: what was found, skipped and decided.
        features: names of a table's columns, in their order; empty for images and texts.
    """

    name: str
    source: str
    kind: Literal["image", "table", "text", "segmentation", "tag"]
    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    normalization: Normalization
    report: LoadReport
    features: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample as a net sees it: `(channels, height, width)`, `(features,)`, or `()` for a text."""
        if self.kind == "table":
            return (len(self.features),)
        return () if self.kind == "text" else self.image_shape

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def splits(self) -> dict[str, Split]:
        """The parts by name: train, val and test, some of which may be empty."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def as_dict(self) -> dict[str, Any]:
        """All of the summary as plain values, for JSON."""
        counts = {name: split.class_counts().tolist() for name, split in self.splits.items()}
        return {
            "name": self.name,
            "source": self.source,
            "kind": self.kind,
            "image_shape": list(self.image_shape),
            "features": list(self.features),
            "classes": list(self.classes),
            "samples": {name: len(split) for name, split in self.splits.items()},
            "class_counts": counts,
            "normalization": {"mean": list(self.normalization.mean), "std": list(self.normalization.std)},
            "found": self.report.found,
            "skipped": [skipped._asdict() for skipped in self.report.skipped],
            "notes": list(self.report.notes),
            "warnings": list(self.report.warnings),
        }

    def summary(self) -> Any:
        """One screen of it, as a rich renderable."""
        from leveret.data._summary import summary

        return summary(self)

    def contact_sheet(self, path: str | Path, *, columns: int = 10, seed: int = 0) -> Path:
        """Write a PNG with a row of training images per class; gives its path back."""
        from leveret.data._sheet import contact_sheet

        return contact_sheet(self, Path(path), columns=columns, seed=seed)
