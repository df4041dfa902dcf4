"""Products of quantised values with weights of one byte."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import Floats, filters_of
from leveret.runtime._geometry import Pair, Window, pair
from leveret.runtime._wholeconv import Values, WholeConv2d, WholeLinear

__all__ = ["Int8Conv2d", "Int8Linear"]


class Int8Conv2d(WholeConv2d):
    """Convolution of images of one byte a value with weights of one byte; sums of 32 bits.

    Args:
        weight: `(out, kernel_h, kernel_w, in / groups)` int8; a step per filter belongs into the epilogue's `scale`.
        signed: images are int8, else uint8.
        stride, padding, dilation, groups: as in `torch.nn.Conv2d`; padding is zero.
    """

    def __init__(
        self,
        weight: NDArray[np.int8],
        signed: bool = True,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
    ) -> None:
        weight = np.ascontiguousarray(weight)
        if weight.ndim != 4 or weight.dtype != np.int8:
            raise LeveretUsageError(
                f"weight must be (out, kernel_h, kernel_w, in / groups) int8, got {weight.shape} {weight.dtype}"
            )
        self.in_channels = weight.shape[3] * groups
        self.out_channels = filters_of(weight.shape, self.in_channels, groups)
        self.weight = weight
        self.groups = groups
        self.window = Window(weight.shape[1:3], pair(stride), pair(padding), pair(dilation))
        self.dtype = np.int8 if signed else np.uint8
        self._native: Any = None
        # beyond sums of 32 bits the reference's doubles are exact still
        if not native.use_reference() and weight[0].size * 255 * 128 < 2**31:
            flat = weight.reshape(len(weight), -1, weight.shape[3])
            low, high = (-128, 127) if signed else (0, 255)
            self._native = native.module.IntConvLayer(flat, low, high, self.in_channels, groups)

    def _reference(self, x: Values) -> Floats:
        return reference.intconv(x, self.weight, self.window, self.groups)


class Int8Linear(WholeLinear):
    """Rows `(n, in)` of int8 or uint8 with weights `(out, in)` int8; see `Int8Conv2d`."""

    def __init__(self, weight: NDArray[np.int8], signed: bool = True) -> None:
        if weight.ndim != 2:
            raise LeveretUsageError(f"weight must be (out, in), got {weight.shape}")
        super().__init__(Int8Conv2d(weight[:, None, None], signed))
