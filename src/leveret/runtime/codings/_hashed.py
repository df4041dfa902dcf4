"""Weights that a hash puts into few values; see `leveret.shrink.hash_weights`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime.codings._base import Array, Attributes, Coding, part_of, shaped, whole_of

__all__ = ["Hashed", "hashed_places", "xxh32"]

# primes of xxHash; the first serves longer inputs alone
_SECOND, _THIRD, _FOURTH = np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D), np.uint32(0x27D4EB2F)
_FIFTH = 0x165667B1
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Hashed(Coding):
    """Weight i of `source`, counted in C order, is `sign(i) · values[index(i)]`; both come from a hash of i.

    Attributes:
        shape: of the weight.
        source, axes: the weight is counted in this shape, and then transposed by these axes.
        seed: of the hash.
        values: `(entries,)` float32.
    """

    shape: tuple[int, ...]
    source: tuple[int, ...]
    axes: tuple[int, ...]
    seed: int
    values: NDArray[np.float32]

    kind: ClassVar = "hashed"
    keys: ClassVar = ("shape", "from", "axes", "seed")
    roles: ClassVar = ("values",)

    @classmethod
    def read(cls, attributes: Attributes, parts: Mapping[str, Array]) -> Self:
        shape, source, axes = shaped(attributes)
        seed = whole_of(attributes, "seed", 0, 2**32 - 1)
        values = part_of(parts, "values", (np.float32,), 1)
        if len(values) > math.prod(shape):
            raise LeveretFormatError(f"part 'values' must have at most {math.prod(shape)} values, got {len(values)}")
        return cls(shape, source, axes, seed, values)

    @property
    def attributes(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "from": list(self.source), "axes": list(self.axes), "seed": self.seed}

    @property
    def parts(self) -> dict[str, Array]:
        return {"values": self.values}

    def tensors(self, name: str) -> dict[str, Array]:
        weight = np.empty(math.prod(self.source), np.float32)
        for begin in range(0, len(weight), _BLOCK):  # whose indices would take four times its memory
            block = weight[begin : begin + _BLOCK]
            indices, negative = hashed_places(begin, len(block), len(self.values), self.seed)
            block[:] = self.values[indices]
            np.negative(block, out=block, where=negative)
        turned = weight.reshape(self.source).transpose(self.axes)
        return {name: np.ascontiguousarray(turned).reshape(self.shape)}


def hashed_places(begin: int, count: int, entries: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Of `count` weights from number `begin` on, by `seed`: which of the `entries` each is, and if with a minus."""
    places = np.arange(begin, begin + count, dtype=np.uint32)
    # another seed for the signs, which must not follow from the index
    return xxh32(places, seed) % np.uint32(entries), xxh32(places, seed ^ 1) & np.uint32(1) == 0


def xxh32(numbers: NDArray[np.uint32], seed: int) -> NDArray[np.uint32]:
    """xxHash of 32 bits (Collet, 2014) of each number, taken as four bytes, the lowest first."""
    h = np.uint32((seed + _FIFTH + 4) % 2**32) + numbers * _THIRD
    h = ((h << np.uint32(17)) | (h >> np.uint32(15))) * _FOURTH
    h = (h ^ (h >> np.uint32(15))) * _SECOND
    h = (h ^ (h >> np.uint32(13))) * _THIRD
    return h ^ (h >> np.uint32(16))
