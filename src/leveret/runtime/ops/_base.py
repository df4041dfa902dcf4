"""What an operation is: its attributes, tensors, shapes, cost, and how it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError
from leveret.runtime._values import Value

__all__ = [
    "EPILOGUE",
    "Choice",
    "Flag",
    "Number",
    "Op",
    "PairOf",
    "Real",
    "TripleOf",
    "Whole",
    "add_of",
    "all_steps",
    "bit_values",
    "byte_values",
    "check_spare_bits",
    "real_values",
]

Array = NDArray[Any]


@dataclass(frozen=True)
class Number:
    """A number in a range."""

    low: float
    high: float
    default: float | None = None
    whole: bool = True

    def check(self, value: Any) -> float:
        kinds = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not self.low <= value <= self.high:
            kind = "a whole number" if self.whole else "a number"
            raise LeveretFormatError(f"must be {kind} in {self.low:g}..{self.high:g}, got {value!r}")
        return value


def Whole(low: int, high: int, default: int | None = None) -> Number:
    """A whole number."""
    return Number(low, high, default)


def Real(low: float, high: float, default: float | None = None) -> Number:
    """A fraction."""
    return Number(low, high, default, whole=False)


@dataclass(frozen=True)
class PairOf:
    """Two numbers in a range: down, across."""

    low: float
    high: float
    default: tuple[float, float] | None = None
    whole: bool = True

    def check(self, value: Any) -> tuple[float, float]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise LeveretFormatError(f"must be a pair of {'whole ' if self.whole else ''}numbers, got {value!r}")
        one = Number(self.low, self.high, whole=self.whole)
        return one.check(value[0]), one.check(value[1])


@dataclass(frozen=True)
class TripleOf:
    """Three whole numbers in a range: down, across, in channels."""

    low: int
    high: int
    default: tuple[int, int, int] | None = None

    def check(self, value: Any) -> tuple[int, int, int]:
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise LeveretFormatError(f"must be three whole numbers, got {value!r}")
        down, across, channels = (int(Whole(self.low, self.high).check(n)) for n in value)
        return down, across, channels


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]
    default: str | None = None

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise LeveretFormatError(f"must be one of {', '.join(self.words)}, got {value!r}")
        return value


@dataclass(frozen=True)
class Flag:
    """True or false."""

    default: bool | None = False

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise LeveretFormatError(f"must be true or false, got {value!r}")
        return value


# tensors of an epilogue, one value per output channel; see leveret.runtime.kernels
EPILOGUE = dict.fromkeys(("scale", "shift", "before", "slope", "after"), (np.float32, False))


class Op(ABC):
    """One operation of a graph, checked when it is made, run many times.

    Class attributes:
        name: in the file.
        attributes: name to the kind of value; missing ones take the kind's default.
        tensors: role to (dtype, required).
        takes: the smallest and largest number of inputs.

    Attributes:
        values: the attributes.
        arrays: the tensors.
        inputs: shapes of the inputs.
        output: shape of the result.
    """

    name: ClassVar[str]
    attributes: ClassVar[Mapping[str, Any]] = {}
    tensors: ClassVar[Mapping[str, tuple[Any, bool]]] = {}
    takes: ClassVar[tuple[int, int]] = (1, 1)

    def __init__(
        self, inputs: Sequence[Value], attributes: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
    ) -> None:
        """Check everything; nothing is computed yet.

        Raises:
            LeveretFormatError: what is wrong, without the step's name, which the caller knows.
        """
        low, high = self.takes
        if not low <= len(inputs) <= high:
            raise LeveretFormatError(f"takes {low} to {high} inputs, got {len(inputs)}")
        self.inputs = list(inputs)
        self.values = self._checked_attributes(attributes)
        self.arrays = self._checked_tensors(tensors)
        self.output = self.infer()

    @abstractmethod
    def infer(self) -> Value:
        """The result's shape; raises `LeveretFormatError` where inputs and tensors don't fit."""

    def prepare(self) -> None:  # noqa: B027
        """Lay out weights for the kernels; called once, before the first run."""

    @abstractmethod
    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        """Compute a batch: images `(n, h, w, c)` or rows `(n, c)`; bits as words."""

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        """Add the operation to a native engine, reading its values `inputs`; gives the value that it makes.

        None where it has no native form: then the whole net runs step by step.
        """
        return None

    def macs(self) -> tuple[int, int]:
        """Multiply-accumulates per sample: on floats or bytes, on bits."""
        return 0, 0

    @property
    def work(self) -> int:
        """Values that are computed or looked at per sample, about."""
        return max(sum(self.macs()), self.output.elements)

    @property
    def scratch_bytes(self) -> int:
        """Memory per sample that a run takes besides its inputs and output."""
        return 0

    @property
    def bits(self) -> int:
        """Bits of a weight."""
        return 32

    @property
    def weight_count(self) -> int:
        """Weights, without those of the epilogue."""
        return int(self.arrays["weight"].size) if "weight" in self.arrays else 0

    def parameters(self, roles: Iterable[str]) -> int:
        """How many numbers that were learned are in some of its tensors."""
        return sum(self.weight_count if role == "weight" else self.arrays[role].size for role in roles)

    def array(self, role: str) -> Any:
        """A tensor, or None."""
        return self.arrays.get(role)

    def epilogue(self) -> dict[str, Any]:
        """Those of its tensors that are an epilogue's steps, as arguments of a kernel."""
        return {role: self.arrays[role] for role in EPILOGUE if role in self.arrays}

    def check_epilogue(self, channels: int, roles: Sequence[str] = tuple(EPILOGUE)) -> None:
        """That scale, shift and the like have a value for each channel."""
        for role in roles:
            array = self.arrays.get(role)
            if array is not None and array.shape != (channels,):
                raise LeveretFormatError(f"tensor {role!r} must be ({channels},), got {array.shape}")

    def _checked_attributes(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for key, kind in self.attributes.items():
            value = given.get(key, kind.default)
            if value is None:
                raise LeveretFormatError(f"attribute {key!r} is missing")
            try:
                values[key] = kind.check(value)
            except LeveretFormatError as error:
                raise LeveretFormatError(f"attribute {key!r} {error}") from None
        if unknown := given.keys() - self.attributes.keys():
            raise LeveretFormatError(f"has unknown attributes: {', '.join(sorted(unknown))}")
        return values

    def _checked_tensors(self, given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        for role, (dtype, required) in self.tensors.items():
            if role in given and given[role].dtype != dtype:
                raise LeveretFormatError(f"tensor {role!r} must be {np.dtype(dtype)}, got {given[role].dtype}")
            if role not in given and required:
                raise LeveretFormatError(f"tensor {role!r} is missing")
        if unknown := given.keys() - self.tensors.keys():
            raise LeveretFormatError(f"has unknown tensors: {', '.join(sorted(unknown))}")
        return dict(given)


def all_steps(op: Op) -> dict[str, Any]:
    """An epilogue's steps as arguments of a native node: those that are missing too."""
    return {role: op.arrays.get(role) for role in EPILOGUE}


def add_of(inputs: Sequence[int]) -> int | None:
    """The second input of an operation that adds it, where it has one."""
    return inputs[1] if len(inputs) == 2 else None


def real_values(op: Op, dims: int | None = None) -> Value:
    """The first input, which must be real, and an image (dims 2) or a row (dims 0) if asked."""
    first = op.inputs[0]
    if other := [value.kind for value in op.inputs if value.kind != "floats"]:
        raise LeveretFormatError(f"takes floats, got {other[0]}")
    return _of_dims(first, dims)


def bit_values(op: Op, dims: int) -> Value:
    """The first input, which must be bits; an image (dims 2) or a row (dims 0)."""
    return _of_kind(op, "bits", dims)


def byte_values(op: Op, dims: int) -> Value:
    """The first input, which must be quantised, any others real; an image (dims 2) or a row (dims 0)."""
    first = _of_kind(op, "bytes", dims)
    if other := [value.kind for value in op.inputs[1:] if value.kind != "floats"]:
        raise LeveretFormatError(f"adds floats, got {other[0]}")
    return first


def check_spare_bits(weight: Array, channels: int) -> None:
    """Bits of a weight past its last channel must be 0: kernels count on it."""
    if channels % 64 and (weight[..., -1] >> np.uint64(channels % 64)).any():
        raise LeveretFormatError(f"tensor 'weight' must have its bits past channel {channels - 1} zero")


def _of_kind(op: Op, kind: str, dims: int) -> Value:
    first = op.inputs[0]
    if first.kind != kind:
        raise LeveretFormatError(f"takes {kind}, got {first.kind}")
    return _of_dims(first, dims)


def _of_dims(value: Value, dims: int | None) -> Value:
    if dims is not None and len(value.size) != dims:
        raise LeveretFormatError(f"takes {'an image' if dims else 'a row of features'}, got shape {value.shape}")
    return value
