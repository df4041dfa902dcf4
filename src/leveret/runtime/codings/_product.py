"""Weights of product quantisation: each row is cut into runs, and each place of a run has a table of runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime.codings._base import Array, Attributes, Coding, part_of, shaped
from leveret.runtime.codings._symbols import MOST_LEVELS, decode

__all__ = ["Product"]


@dataclass(frozen=True)
class Product(Coding):
    """Rows `source[0]`, each of `len(table)` runs; `symbols` count the runs' entries.

    Attributes:
        shape: of the weight.
        source, axes: the weight is coded in this shape, and then transposed by these axes.
        symbols: of a matrix `(rows, tables)`.
        table: `(tables, entries, length)` float32.
    """

    shape: tuple[int, ...]
    source: tuple[int, ...]
    axes: tuple[int, ...]
    symbols: NDArray[np.uint8]
    table: NDArray[np.float32]

    kind: ClassVar = "product"
    keys: ClassVar = ("shape", "from", "axes")
    roles: ClassVar = ("symbols", "table")

    @classmethod
    def read(cls, attributes: Attributes, parts: Mapping[str, Array]) -> Self:
        shape, source, axes = shaped(attributes)
        table = part_of(parts, "table", (np.float32,), 3)
        tables, entries, length = table.shape
        if entries > MOST_LEVELS or tables * length != math.prod(source[1:]):
            raise LeveretFormatError(f"part 'table' of shape {table.shape} doesn't fit a weight in {source}")
        return cls(shape, source, axes, part_of(parts, "symbols", (np.uint8,), 1), table)

    @property
    def attributes(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "from": list(self.source), "axes": list(self.axes)}

    @property
    def parts(self) -> dict[str, Array]:
        return {"symbols": self.symbols, "table": self.table}

    def tensors(self, name: str) -> dict[str, Array]:
        tables, entries, _ = self.table.shape
        indices = decode(self.symbols, (self.source[0], tables), entries)
        weight = self.table[np.arange(tables), indices].reshape(self.source)
        return {name: np.ascontiguousarray(weight.transpose(self.axes)).reshape(self.shape)}
