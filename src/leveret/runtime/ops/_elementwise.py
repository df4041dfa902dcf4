"""What works on each value or channel by itself, and what puts values together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime._values import Value
from leveret.runtime.ops._base import EPILOGUE, Array, Choice, Op, Real, add_of, all_steps, real_values

__all__ = ["Affine", "Bits", "ChannelMean", "Clip", "Concat", "Flatten", "Function", "Multiply"]


class Affine(Op):
    """An epilogue alone: scale, shift, an added second input, a leaky corner."""

    name = "affine"
    takes = (1, 2)
    tensors: ClassVar = EPILOGUE

    def infer(self) -> Value:
        first = real_values(self)
        if any(value != first for value in self.inputs):
            raise LeveretFormatError(f"adds an input of shape {self.inputs[1].shape} to {first.shape}")
        self.check_epilogue(first.channels)
        return first

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return kernels.affine(
            inputs[0], **self.epilogue(), add=inputs[1] if len(inputs) == 2 else None, threads=threads
        )

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.affine(inputs[0], add_of(inputs), **all_steps(self))


class Bits(Op):
    """Signs: a bit is `x >= threshold`, or `x <= threshold` where `flip`; thresholds are 0 if not given."""

    name = "bits"
    tensors: ClassVar = {"threshold": (np.float32, False), "flip": (np.uint8, False)}

    def infer(self) -> Value:
        first = real_values(self)
        self.check_epilogue(first.channels, ("threshold", "flip"))
        if "flip" in self.arrays and "threshold" not in self.arrays:
            raise LeveretFormatError("tensor 'flip' needs 'threshold'")
        return Value(first.size, first.channels, bits=True)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return kernels.pack_bits(inputs[0], self.array("threshold"), self.array("flip"), threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.bits(inputs[0], self.array("threshold"), self.array("flip"))


class Multiply(Op):
    """The product of two values of one shape, or of an image and a map of one channel."""

    name = "multiply"
    takes = (2, 2)

    def infer(self) -> Value:
        first = real_values(self)
        second = self.inputs[1]
        if second.size != first.size or second.channels not in (1, first.channels):
            raise LeveretFormatError(f"multiplies shapes {first.shape} and {second.shape}")
        return first

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0] * inputs[1]

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.multiply(*inputs)


class ChannelMean(Op):
    """The mean over channels: an image becomes a map of one channel."""

    name = "channel_mean"

    def infer(self) -> Value:
        return Value(real_values(self).size, 1)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].mean(-1, keepdims=True, dtype=np.float32)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.channel_mean(inputs[0])


class Concat(Op):
    """Channels of several values, one after the other."""

    name = "concat"
    takes = (1, 64)

    def infer(self) -> Value:
        first = real_values(self)
        if any(value.size != first.size for value in self.inputs):
            raise LeveretFormatError(f"joins shapes {', '.join(str(value.shape) for value in self.inputs)}")
        return Value(first.size, sum(value.channels for value in self.inputs))

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return np.concatenate(inputs, axis=-1)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.concat(list(inputs))


class Flatten(Op):
    """An image becomes a row of features, channels last."""

    name = "flatten"

    def infer(self) -> Value:
        first = real_values(self)
        features = first.channels
        for side in first.size:
            features *= side
        return Value((), features)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].reshape(len(inputs[0]), self.output.channels)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.flatten(inputs[0])


class Clip(Op):
    """Values held between two bounds."""

    name = "clip"
    attributes: ClassVar = {"low": Real(-1e30, 1e30), "high": Real(-1e30, 1e30)}

    def infer(self) -> Value:
        if self.values["low"] > self.values["high"]:
            raise LeveretFormatError(f"clips between {self.values['low']} and {self.values['high']}")
        return real_values(self)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return np.clip(inputs[0], np.float32(self.values["low"]), np.float32(self.values["high"]))

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.clip(inputs[0], self.values["low"], self.values["high"])


def _sigmoid(x: Array) -> Array:
    return (0.5 * (np.tanh(0.5 * x) + 1)).astype(np.float32)


def _gelu_tanh(x: Array) -> Array:
    """Hendrycks & Gimpel, 2016, section 2: the tanh approximation."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "abs": np.abs,
    "gelu_tanh": _gelu_tanh,
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
}


class Function(Op):
    """A function of each value."""

    name = "function"
    attributes: ClassVar = {"function": Choice(tuple(_FUNCTIONS))}

    def infer(self) -> Value:
        return real_values(self)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return _FUNCTIONS[self.values["function"]](inputs[0])

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.function(inputs[0], self.values["function"])
