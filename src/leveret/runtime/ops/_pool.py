"""Pooling over windows, and over the whole image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import kernels
from leveret.runtime._geometry import Pair, Window
from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Choice, Flag, Op, PairOf, bit_values, real_values
from leveret.runtime.reference.floatconv import windows

__all__ = [
    "POOL_WINDOW",
    "AdaptivePool2d",
    "AvgPool2d",
    "BitMaxPool2d",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "MaxPool2d",
    "window_of",
    "window_places",
]

POOL_WINDOW = {
    "kernel": PairOf(1, 4096),
    "stride": PairOf(1, 4096),
    "padding": PairOf(0, 2048, (0, 0)),
    "ceil_mode": Flag(),
}


def window_of(values: Mapping[str, Any]) -> Window:
    """The window that a pool's attributes say."""
    v = values
    return Window(v["kernel"], v["stride"], v["padding"], v.get("dilation", (1, 1)), v["ceil_mode"])


def window_places(values: Mapping[str, Any], image: Value) -> Pair:
    """How many places that window takes on an image; raises `LeveretFormatError` where it doesn't fit."""
    kernel, padding = values["kernel"], values["padding"]
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise LeveretFormatError(f"pads {padding}, more than half of its kernel {kernel}")
    try:
        return window_of(values).out(*image.size)
    except LeveretUsageError as error:
        raise LeveretFormatError(str(error)) from None


class _Pool(Op):
    def infer(self) -> Value:
        return Value(self._places(real_values(self, 2)), self.inputs[0].channels)

    def _places(self, image: Value) -> Pair:
        return window_places(self.values, image)

    @property
    def work(self) -> int:
        down, across = self.values["kernel"]
        return self.output.elements * down * across

    def _window(self) -> Window:
        return window_of(self.values)

    def _window_row(self) -> tuple[int, ...]:
        """The window on this image, as native kernels take it."""
        return self._window().as_row(*self.inputs[0].size)


class MaxPool2d(_Pool):
    """The largest value under each window."""

    name = "max_pool2d"
    attributes: ClassVar = {**POOL_WINDOW, "dilation": PairOf(1, 4096, (1, 1))}

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return kernels.max_pool2d(inputs[0], **self.values, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.pool(inputs[0], self._window_row(), False, True)


class AvgPool2d(_Pool):
    """The mean under each window."""

    name = "avg_pool2d"
    attributes: ClassVar = {**POOL_WINDOW, "count_include_pad": Flag(True)}

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return kernels.avg_pool2d(inputs[0], **self.values, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.pool(inputs[0], self._window_row(), True, self.values["count_include_pad"])


class GlobalAvgPool(Op):
    """The mean over all places: an image becomes a row of features."""

    name = "global_avg_pool"

    def infer(self) -> Value:
        return Value((), real_values(self, 2).channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        # in double: float sums of many places lose digits
        return inputs[0].mean((1, 2), dtype=np.float64).astype(np.float32)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.global_mean(inputs[0])


class GlobalMaxPool(GlobalAvgPool):
    """The largest value of all places: an image becomes a row of features."""

    name = "global_max_pool"

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0].max((1, 2))

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.global_max(inputs[0])


class AdaptivePool2d(Op):
    """The mean, or the largest value, of as many parts of the image as `size` says; parts may overlap by a pixel."""

    name = "adaptive_pool2d"
    attributes: ClassVar = {"size": PairOf(1, 256), "mode": Choice(("average", "max"))}

    def infer(self) -> Value:
        return Value(self.values["size"], real_values(self, 2).channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x = inputs[0]
        out = np.empty((len(x), *self.output.size, self.output.channels), np.float32)
        rows, columns = (
            [(i * side // count, -(-(i + 1) * side // count)) for i in range(count)]
            for side, count in zip(x.shape[1:3], self.output.size, strict=True)
        )
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                part = x[:, top:bottom, left:right]
                out[:, i, j] = part.max((1, 2)) if self.values["mode"] == "max" else part.mean((1, 2), dtype=np.float32)
        return out

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.adaptive_pool(inputs[0], self.values["size"], self.values["mode"] == "average")

    @property
    def work(self) -> int:
        # a part for each place of the result; they overlap by at most a row and a column
        sides = zip(self.inputs[0].size, self.output.size, strict=True)
        return self.output.channels * math.prod(side + count for side, count in sides)


class BitMaxPool2d(_Pool):
    """The sign of the largest value under each window, from signs alone: any bit, or all bits where `flip` is not 0."""

    name = "bit_max_pool2d"
    attributes: ClassVar = POOL_WINDOW
    tensors: ClassVar = {"flip": (np.uint8, False)}

    def infer(self) -> Value:
        image = bit_values(self, 2)
        self.check_epilogue(image.channels, ("flip",))
        return Value(self._places(image), image.channels, bits=True)

    def prepare(self) -> None:
        self._over = self._window()
        flip = self.array("flip")
        self._flips = None if flip is None else kernels.pack_bits(np.where(flip, 1, -1).astype(np.float32)[None])[0]

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        # all of some bits are set where none of their opposites is; a place outside the image counts for nothing
        bits = inputs[0] if self._flips is None else inputs[0] ^ self._flips
        seen: Any = windows(bits, self._over, fill=0)
        out = seen[:, :, :, 0, 0].copy()
        for ky in range(self._over.kernel[0]):
            for kx in range(self._over.kernel[1]):
                out |= seen[:, :, :, ky, kx]
        return out if self._flips is None else out ^ self._flips

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.bit_pool(inputs[0], self._window_row(), self.array("flip"))
