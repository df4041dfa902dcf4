"""What a reader hands over: samples as they stand in the source, before labels, sizes and splits are settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from leveret.data._types import Skipped

__all__ = ["Part", "Raw"]

PartName = Literal["all", "train", "val", "test"]


@dataclass
class Part:
    """Samples of one part of a source.

    Attributes:
        items: pixels `(n, channels, height, width)` uint8, or a table's rows `(n, features)` float32, or a sequence of
            encoded images (paths or bytes), or texts.
        labels: one per item: numbers or names; None where there is none.
        where: names each item in messages ("a/b.png", "row 7 of x.csv").
        columns: what else stands beside the items, by its name: a value each, None where there is none.
    """

    items: NDArray[Any] | Sequence[Any]
    labels: Sequence[Any] | NDArray[Any]
    where: Sequence[str]
    columns: Mapping[str, Sequence[Any] | NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class Raw:
    """A source as it was read.

    Attributes:
        kind: what `items` are: "pixels", "encoded", "table" or "text".
        parts: "all", or any of "train", "val", "test".
        classes: names in the order of integer labels, where the source says so.
        fingerprint: changes when the source's content does; the cache's key. Empty: nothing to cache.
        features: names of a table's columns.
        skipped, notes, warnings: for the report.
    """

    kind: Literal["pixels", "encoded", "table", "text"]
    parts: dict[str, Part]
    classes: tuple[str, ...] | None = None
    fingerprint: str = ""
    features: tuple[str, ...] = ()
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
