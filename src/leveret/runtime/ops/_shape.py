"""What moves values about without changing them: axes, places, channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Choice, Flag, Op, PairOf, Real, TripleOf, Whole, bit_values, real_values

__all__ = ["BitFlatten", "Flatten", "Pad", "PixelShuffle", "Reshape", "Slice", "Transpose"]

_SIDE = 16_384
_MOST = 1 << 26


class Flatten(Op):
    """An image becomes a row of features, channels last."""

    name = "flatten"

    def infer(self) -> Value:
        return Value((), real_values(self).elements)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].reshape(len(inputs[0]), self.output.channels)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.flatten(inputs[0])


class BitFlatten(Op):
    """An image of bits becomes a row of bits, channels last."""

    name = "bit_flatten"

    def infer(self) -> Value:
        return Value((), bit_values(self, 2).elements, bits=True)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        bits, channels = inputs[0], self.inputs[0].channels
        if channels % 64 == 0:
            return bits.reshape(len(bits), -(-self.output.channels // 64))
        # words have spare bits in between: close the gaps
        ones = np.unpackbits(bits.astype("<u8").view(np.uint8), axis=-1, count=channels, bitorder="little")
        row = np.zeros((len(bits), -(-self.output.channels // 64) * 64), np.uint8)
        row[:, : self.output.channels] = ones.reshape(len(bits), self.output.channels)
        return np.packbits(row, axis=-1, bitorder="little").view("<u8").astype(np.uint64)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.bit_flatten(inputs[0])


class Reshape(Op):
    """A row or an image becomes an image of another size; memory stays as it is, so channels change with it."""

    name = "reshape"
    attributes: ClassVar = {"size": PairOf(1, _MOST)}

    def infer(self) -> Value:
        first = real_values(self)
        height, width = self.values["size"]
        channels, rest = divmod(first.elements, height * width)
        if rest:
            raise LeveretFormatError(f"{first.elements} values don't make an image of {height}x{width}")
        return Value((height, width), channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].reshape(len(inputs[0]), *self.output.size, self.output.channels)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.reshape(inputs[0], *self.output.size)


class Transpose(Op):
    """The axes of an image in another order: `axes` says what becomes height, width and channels."""

    name = "transpose"
    attributes: ClassVar = {"axes": Choice(("hcw", "whc", "wch", "chw", "cwh", "hwc"))}

    def infer(self) -> Value:
        image = real_values(self, 2)
        sides = dict(zip("hwc", (*image.size, image.channels), strict=True))
        height, width, channels = (sides[axis] for axis in self.values["axes"])
        return Value((height, width), channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return np.ascontiguousarray(inputs[0].transpose(0, *("_hwc".index(axis) for axis in self.values["axes"])))


class Slice(Op):
    """A part of an image or row: places and channels from `start` to before `stop`, every `step`-th."""

    name = "slice"
    attributes: ClassVar = {
        "start": TripleOf(0, _MOST, (0, 0, 0)),
        "stop": TripleOf(1, _MOST),
        "step": TripleOf(1, _MOST, (1, 1, 1)),
    }

    def infer(self) -> Value:
        first = real_values(self)
        self._parts = [
            slice(*part) for part in zip(*(self.values[name] for name in ("start", "stop", "step")), strict=True)
        ]
        sides = _sides(first)
        for part, side in zip(self._parts, sides, strict=True):
            if not part.start < part.stop <= side:
                raise LeveretFormatError(f"takes {part.start}..{part.stop} of {side}, of shape {first.shape}")
        height, width, channels = (len(range(side)[part]) for side, part in zip(sides, self._parts, strict=True))
        return Value((height, width) if first.size else (), channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        part: Any = (slice(None), *(self._parts if self.output.size else self._parts[2:]))
        return np.ascontiguousarray(inputs[0][part])

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        start, step = self.values["start"], self.values["step"]
        return engine.part(inputs[0], start, step, _sides(self.output), "constant", 0.0)


_PAD_MODES: dict[str, Any] = {"circular": "wrap", "constant": "constant", "reflect": "reflect", "replicate": "edge"}


class Pad(Op):
    """Places and channels added before and after: a constant, or the image continued as torch's modes have it."""

    name = "pad"
    attributes: ClassVar = {
        "before": TripleOf(0, _SIDE, (0, 0, 0)),
        "after": TripleOf(0, _SIDE, (0, 0, 0)),
        "mode": Choice(tuple(_PAD_MODES), "constant"),
        "value": Real(-1e30, 1e30, 0.0),
    }

    def infer(self) -> Value:
        first = real_values(self)
        before, after, mode = (self.values[name] for name in ("before", "after", "mode"))
        sides = _sides(first)
        most = {"reflect": -1, "circular": 0}.get(mode)
        for side, *pads in zip(sides, before, after, strict=True):
            if most is not None and max(pads) > side + most:
                raise LeveretFormatError(f"pads {max(pads)} places of {side} by {mode}")
        height, width, channels = (side + b + a for side, b, a in zip(sides, before, after, strict=True))
        if not first.size and (height, width) != (1, 1):
            raise LeveretFormatError(f"pads places of a row of features, by {before} and {after}")
        return Value((height, width) if first.size else (), channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        width = list(zip(self.values["before"], self.values["after"], strict=True))
        constant = {"constant_values": self.values["value"]} if self.values["mode"] == "constant" else {}
        width = [(0, 0), *(width if self.output.size else width[2:])]
        return np.pad(inputs[0], width, _PAD_MODES[self.values["mode"]], **constant)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        start = tuple(-n for n in self.values["before"])
        return engine.part(inputs[0], start, (1, 1, 1), _sides(self.output), self.values["mode"], self.values["value"])


class PixelShuffle(Op):
    """Channels become places, `factor` times as many both ways (Shi et al., CVPR 2016), or the other way round."""

    name = "pixel_shuffle"
    attributes: ClassVar = {"factor": Whole(1, 4096), "inverse": Flag(False)}

    def infer(self) -> Value:
        image = real_values(self, 2)
        factor, (height, width) = self.values["factor"], image.size
        if self.values["inverse"]:
            if height % factor or width % factor:
                raise LeveretFormatError(f"an image of {height}x{width} doesn't divide by {factor}")
            return Value((height // factor, width // factor), image.channels * factor * factor)
        if image.channels % (factor * factor):
            raise LeveretFormatError(f"{image.channels} channels don't divide by {factor}²")
        return Value((height * factor, width * factor), image.channels // (factor * factor))

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x, factor = inputs[0], self.values["factor"]
        n, (height, width), channels = len(x), self.output.size, self.output.channels
        if self.values["inverse"]:
            parts = x.reshape(n, height, factor, width, factor, x.shape[3]).transpose(0, 1, 3, 5, 2, 4)
        else:
            places = x.reshape(n, height // factor, width // factor, channels, factor, factor)
            parts = places.transpose(0, 1, 4, 2, 5, 3)
        return np.ascontiguousarray(parts).reshape(n, height, width, channels)


def _sides(value: Value) -> tuple[int, ...]:
    """Height, width and channels; a row is an image of one place."""
    return (*(value.size or (1, 1)), value.channels)
