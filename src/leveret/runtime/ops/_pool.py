"""Pooling over windows, and over the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import kernels
from leveret.runtime._geometry import Window
from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Flag, Op, PairOf, real_values

__all__ = ["AvgPool2d", "GlobalAvgPool", "MaxPool2d"]

_WINDOW = {
    "kernel": PairOf(1, 4096),
    "stride": PairOf(1, 4096),
    "padding": PairOf(0, 2048, (0, 0)),
    "ceil_mode": Flag(),
}


class _Pool(Op):
    def infer(self) -> Value:
        image = real_values(self, 2)
        kernel, padding = self.values["kernel"], self.values["padding"]
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            raise LeveretFormatError(f"pads {padding}, more than half of its kernel {kernel}")
        try:
            return Value(self._window().out(*image.size), image.channels)
        except LeveretUsageError as error:
            raise LeveretFormatError(str(error)) from None

    def _window(self) -> Window:
        v = self.values
        return Window(v["kernel"], v["stride"], v["padding"], v.get("dilation", (1, 1)), v["ceil_mode"])

    def _window_row(self) -> tuple[int, ...]:
        """The window on this image, as native kernels take it."""
        return self._window().as_row(*self.inputs[0].size)


class MaxPool2d(_Pool):
    """The largest value under each window."""

    name = "max_pool2d"
    attributes: ClassVar = {**_WINDOW, "dilation": PairOf(1, 4096, (1, 1))}

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return kernels.max_pool2d(inputs[0], **self.values, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.pool(inputs[0], self._window_row(), False, True)


class AvgPool2d(_Pool):
    """The mean under each window."""

    name = "avg_pool2d"
    attributes: ClassVar = {**_WINDOW, "count_include_pad": Flag(True)}

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
        return inputs[0].mean((1, 2), dtype=np.float32)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.global_mean(inputs[0])
