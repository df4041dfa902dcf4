"""Weights of few values, and weights of which many are 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime._sparse import sparse_rows
from leveret.runtime.codings._base import Array, Attributes, Coding, part_of, shape_of, whole_of
from leveret.runtime.codings._symbols import MOST_LEVELS, decode

__all__ = ["Sparse", "Table"]

_LONGEST_LINE = 1 << 30
_ROLES = ("values", "columns", "starts")  # of `sparse_linear`


@dataclass(frozen=True)
class _Symbols(Coding):
    """A symbol a weight.

    Attributes:
        shape: of the weight; its symbols are a matrix of as many rows.
        line: see `leveret.runtime.codings._symbols.code`.
        rows: whether the weight becomes the three tensors of `sparse_linear` instead of one.
        symbols: as `code` gave them.
    """

    shape: tuple[int, ...]
    line: int
    rows: bool
    symbols: NDArray[np.uint8]

    keys: ClassVar = ("shape", "line", "rows")

    @staticmethod
    def _read(attributes: Attributes) -> tuple[tuple[int, ...], int, bool]:
        rows = attributes["rows"]
        if not isinstance(rows, bool):
            raise LeveretFormatError(f"attribute 'rows' must be true or false, got {rows!r}")
        shape = shape_of(attributes, "shape", 2 if rows else None)
        return shape, whole_of(attributes, "line", 0, _LONGEST_LINE), rows

    @property
    def attributes(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "line": self.line, "rows": self.rows}

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(f"{name}.{role}" for role in _ROLES) if self.rows else (name,)

    def decoded(self, levels: int) -> NDArray[np.uint16]:
        grid = self.shape[0], math.prod(self.shape[1:])
        return decode(self.symbols, grid, levels, self.line).reshape(self.shape)

    def _as(self, name: str, weight: Array) -> dict[str, Array]:
        if not self.rows:
            return {name: weight}
        return dict(zip(self.names(name), sparse_rows(weight), strict=True))


@dataclass(frozen=True)
class Table(_Symbols):
    """Weights that are entries of a table, which `symbols` count: shared, quantised, also pruned ones.

    Attributes:
        table: `(levels,)` float32, int8 or uint8; the first entry is the one that neighbours may share.
    """

    table: Array

    kind: ClassVar = "table"
    roles: ClassVar = ("symbols", "table")

    @classmethod
    def read(cls, attributes: Attributes, parts: Mapping[str, Array]) -> Self:
        shape, line, rows = cls._read(attributes)
        table = part_of(parts, "table", (np.float32,) if rows else (np.float32, np.int8, np.uint8), 1)
        if len(table) > MOST_LEVELS:
            raise LeveretFormatError(f"part 'table' must have at most {MOST_LEVELS} entries, got {len(table)}")
        return cls(shape, line, rows, part_of(parts, "symbols", (np.uint8,), 1), table)

    @property
    def parts(self) -> dict[str, Array]:
        return {"symbols": self.symbols, "table": self.table}

    def tensors(self, name: str) -> dict[str, Array]:
        return self._as(name, self.table[self.decoded(len(self.table))])


@dataclass(frozen=True)
class Sparse(_Symbols):
    """Weights of which many are 0, and the others all different; `symbols` say which are not 0.

    Attributes:
        values: `(kept,)` float32: the others, in their order.
    """

    values: NDArray[np.float32]

    kind: ClassVar = "sparse"
    roles: ClassVar = ("symbols", "values")

    @classmethod
    def read(cls, attributes: Attributes, parts: Mapping[str, Array]) -> Self:
        shape, line, rows = cls._read(attributes)
        return cls(
            shape, line, rows, part_of(parts, "symbols", (np.uint8,), 1), part_of(parts, "values", (np.float32,), 1)
        )

    @property
    def parts(self) -> dict[str, Array]:
        return {"symbols": self.symbols, "values": self.values}

    def tensors(self, name: str) -> dict[str, Array]:
        kept = self.decoded(2) != 0
        if np.count_nonzero(kept) != len(self.values):
            raise LeveretFormatError(f"{np.count_nonzero(kept)} weights are kept, part 'values' has {len(self.values)}")
        weight = np.zeros(self.shape, np.float32)
        weight[kept] = self.values
        return self._as(name, weight)
