"""What a coding is: attributes and parts in a file, from which tensors follow."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime.ops._base import Number

__all__ = ["Attributes", "Coding", "part_of", "shape_of", "shaped", "whole_of"]

Array = NDArray[Any]
Attributes = Mapping[str, Any]
_MOST_DIMENSIONS = 8
_LONGEST_SIDE = 1 << 30


class Coding(ABC):
    """How a tensor is stored.

    Class attributes:
        kind: its name in the file.
        keys: names of its attributes.
        roles: names of its parts.

    Attributes:
        shape: of the tensor that it stands for.
    """

    shape: tuple[int, ...]
    kind: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    roles: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def read(cls, attributes: Attributes, parts: Mapping[str, Array]) -> Self:
        """From what a file holds, whose names are those of `keys` and `roles`.

        Raises:
            LeveretFormatError: anything of the wrong type or shape.
        """

    @property
    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """As JSON has them."""

    @property
    @abstractmethod
    def parts(self) -> dict[str, Array]:
        """Tensors that are stored, by their role."""

    @property
    def elements(self) -> int:
        """How many weights it stands for, known before they are decoded."""
        return math.prod(self.shape)

    def names(self, name: str) -> tuple[str, ...]:
        """Of the tensors that it stands for, where it is the coding of `name`."""
        return (name,)

    @abstractmethod
    def tensors(self, name: str) -> dict[str, Array]:
        """What it stands for: a tensor `name`, or several whose names begin so.

        Raises:
            LeveretFormatError: the parts can't come from a coder.
        """


def whole_of(attributes: Attributes, key: str, low: int, high: int) -> int:
    """An attribute that is a whole number."""
    try:
        return int(Number(low, high).check(attributes[key]))
    except LeveretFormatError as error:
        raise LeveretFormatError(f"attribute {key!r} {error}") from None


def shape_of(attributes: Attributes, key: str, dimensions: int | None = None) -> tuple[int, ...]:
    """An attribute that is a shape without an empty side."""
    value = attributes[key]
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_DIMENSIONS:
        raise LeveretFormatError(f"attribute {key!r} must be a list of 1 to {_MOST_DIMENSIONS} sides, got {value!r}")
    shape = tuple(whole_of(dict(enumerate(value)), i, 1, _LONGEST_SIDE) for i in range(len(value)))  # type: ignore[arg-type]
    if dimensions is not None and len(shape) != dimensions:
        raise LeveretFormatError(f"attribute {key!r} must have {dimensions} sides, got {value!r}")
    return shape


def part_of(parts: Mapping[str, Array], role: str, dtypes: tuple[Any, ...], dimensions: int) -> Array:
    """A part of one of some dtypes, not empty."""
    part = parts[role]
    if part.dtype not in dtypes or part.ndim != dimensions or not part.size:
        kinds = " or ".join(str(np.dtype(dtype)) for dtype in dtypes)
        raise LeveretFormatError(
            f"part {role!r} must be {kinds} of {dimensions} dimensions and not empty, got {part.dtype} {part.shape}"
        )
    return part


def shaped(attributes: Attributes) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The attributes `shape`, `from` and `axes` of a tensor that is coded in another order of its axes."""
    shape, source = shape_of(attributes, "shape"), shape_of(attributes, "from")
    axes = attributes["axes"]
    if not isinstance(axes, list) or any(isinstance(axis, bool) or not isinstance(axis, int) for axis in axes):
        raise LeveretFormatError(f"attribute 'axes' must be a list of whole numbers, got {axes!r}")
    if sorted(axes) != list(range(len(source))) or math.prod(shape) != math.prod(source):
        raise LeveretFormatError(f"the weight in {source} by axes {axes} can't be {shape}")
    return shape, source, tuple(axes)
