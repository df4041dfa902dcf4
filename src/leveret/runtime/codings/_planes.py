"""Weights of few bits, whose kernels take them as planes of bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime.codings._base import Array, Attributes, Coding, part_of, shape_of, whole_of
from leveret.runtime.codings._symbols import decode
from leveret.runtime.kernels import pack_bits, unpack_bits

__all__ = ["Planes", "symbols_of_planes"]

_MOST_PLANES = 8


@dataclass(frozen=True)
class Planes(Coding):
    """Bit j of a weight's symbol is its bit in plane j.

    Attributes:
        shape: of the planes, `(planes, out, …, words)`, or `(out, …, words)` of one plane.
        planes: how many; 0 where the shape doesn't count the one that there is.
        channels: whose bits a row of words holds.
        line: see `leveret.runtime.codings._symbols.code`.
        symbols: of a matrix with a row for each output.
    """

    shape: tuple[int, ...]
    planes: int
    channels: int
    line: int
    symbols: NDArray[np.uint8]

    kind: ClassVar = "planes"
    keys: ClassVar = ("shape", "planes", "channels", "line")
    roles: ClassVar = ("symbols",)

    @classmethod
    def read(cls, attributes: Attributes, parts: Mapping[str, Array]) -> Self:
        shape = shape_of(attributes, "shape")
        planes = whole_of(attributes, "planes", 0, _MOST_PLANES)
        channels = whole_of(attributes, "channels", 1, 1 << 30)
        line = whole_of(attributes, "line", 0, 1 << 30)
        fits = len(shape) >= (3 if planes else 2) and shape[-1] == (channels + 63) // 64
        if not fits or (planes and shape[0] != planes):
            raise LeveretFormatError(f"{planes} planes of {channels} channels can't be {shape}")
        return cls(shape, planes, channels, line, part_of(parts, "symbols", (np.uint8,), 1))

    @property
    def attributes(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "planes": self.planes, "channels": self.channels, "line": self.line}

    @property
    def parts(self) -> dict[str, Array]:
        return {"symbols": self.symbols}

    @property
    def elements(self) -> int:
        return math.prod(self._places) * self.channels

    def tensors(self, name: str) -> dict[str, Array]:
        rows, *inner = self._places
        levels = 2 ** max(self.planes, 1)
        grid = decode(self.symbols, (rows, math.prod(inner) * self.channels), levels, self.line)
        symbols = grid.reshape(*self._places, self.channels)
        signs = ((symbols >> np.uint16(j) & np.uint16(1)) - np.float32(0.5) for j in range(max(self.planes, 1)))
        planes = [pack_bits(plane.astype(np.float32)) for plane in signs]
        return {name: np.stack(planes).reshape(self.shape)}

    @property
    def _places(self) -> tuple[int, ...]:
        return self.shape[1:-1] if self.planes else self.shape[:-1]


def symbols_of_planes(weight: NDArray[np.uint64], planes: int, channels: int) -> NDArray[np.uint16]:
    """The symbols `(out, columns)` of planes of bits; see `Planes`."""
    whole = weight if planes else weight[None]
    symbols = sum((unpack_bits(bits, channels) > 0).astype(np.uint16) << np.uint16(j) for j, bits in enumerate(whole))
    return np.ascontiguousarray(symbols).reshape(whole.shape[1], -1)
