"""What works on each value or channel by itself, and what puts values together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime._values import Value
from leveret.runtime.ops._base import EPILOGUE, Array, Op, Real, add_of, all_steps, real_values

__all__ = ["Affine", "Bits", "ChannelMax", "ChannelMean", "ChannelNorm", "Clip", "Concat", "Divide", "Multiply"]


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
    """The product of two values; the second may have one channel, or one place, for all of the first's."""

    name = "multiply"
    takes = (2, 2)
    verb: ClassVar = "multiplies"

    def infer(self) -> Value:
        first = real_values(self)
        second = self.inputs[1]
        fits = len(second.size) == len(first.size) and second.channels in (1, first.channels)
        if not fits or any(b not in (1, a) for a, b in zip(first.size, second.size, strict=True)):
            raise LeveretFormatError(f"{self.verb} shapes {first.shape} and {second.shape}")
        return first

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0] * inputs[1]

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.multiply(*inputs)


class Divide(Multiply):
    """The first value over the second, which may have one channel, or one place, for all of the first's."""

    name = "divide"
    verb: ClassVar = "divides"

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        with np.errstate(all="ignore"):  # what is over 0 is infinite or NaN, as in the net
            return inputs[0] / inputs[1]

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.divide(*inputs)


class ChannelMean(Op):
    """The mean over channels: an image becomes a map of one channel."""

    name = "channel_mean"

    def infer(self) -> Value:
        return Value(real_values(self).size, 1)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].mean(-1, keepdims=True, dtype=np.float32)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.channel_mean(inputs[0])


class ChannelMax(ChannelMean):
    """The largest of the channels: an image becomes a map of one channel."""

    name = "channel_max"

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].max(-1, keepdims=True)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return None


class ChannelNorm(ChannelMean):
    """The Euclidean length of the channels: an image becomes a map of one channel."""

    name = "channel_norm"

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        with np.errstate(over="ignore"):  # infinite, as in the net
            return np.sqrt(np.einsum("...c,...c->...", inputs[0], inputs[0]))[..., None]

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.channel_norm(inputs[0])


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
