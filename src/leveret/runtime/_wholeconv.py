"""What convolutions of whole numbers share: images of one byte a value in, float sums through the epilogue out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import Channels, Floats, LaterSteps, epilogue, floats
from leveret.runtime._geometry import Pair, Window

__all__ = ["WholeConv2d", "WholeLinear", "check_levels", "quantize"]

Values = NDArray[Any]

# bytes that a thread may need beside images and weights
_MOST_HELD = 1 << 30

# of one byte's range, with a sign and without
_LOWEST, _HIGHEST = -128, {True: 127, False: 255}


def check_levels(levels: Pair) -> Pair:
    """Lowest and highest value of a quantised image.

    Raises:
        LeveretUsageError: they don't fit one byte, or leave 0 out.
    """
    low, high = levels
    if not _LOWEST <= low <= 0 <= high <= _HIGHEST[low < 0] or low == high:
        raise LeveretUsageError(f"levels must be within 0..255, or within -128..127 and hold 0, got {low}..{high}")
    return low, high


def quantize(x: Floats, step: float, low: int, high: int, *, threads: int = 0) -> Values:
    """`clamp(round(x / step), low, high)`, ties to even as `torch.round` has it.

    Args:
        x: float32 of any shape; NaN becomes `low`.
        step: what 1 stands for; above 0.
        low, high: within 0..255, or within -128..127, with 0 between.

    Returns:
        Of x's shape: int8 where `low` < 0, else uint8.
    """
    x = floats("x", x)
    low, high = check_levels((low, high))
    if not (np.isfinite(np.float32(step)) and np.float32(step) > 0):
        raise LeveretUsageError(f"step must be a number above 0, got {step}")
    if native.use_reference():
        return reference.quantize(x, step, low, high)
    out = np.empty(x.shape, np.uint8)
    native.module.quantize(x, step, low, high, out, threads)
    return out.view(np.int8) if low < 0 else out


class WholeConv2d(ABC):
    """A convolution of images `(n, h, w, in)` of int8 or uint8."""

    # set by those who inherit
    in_channels: int
    out_channels: int
    window: Window
    dtype: Any
    _native: Any

    @abstractmethod
    def _reference(self, x: Values) -> Floats:
        """The sums, by numpy."""

    def __call__(
        self,
        x: Values,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """Sums `(n, out_h, out_w, out)` float32, through the epilogue; the values' step is part of its `scale`."""
        if not isinstance(x, np.ndarray) or x.ndim != 4 or x.shape[3] != self.in_channels or x.dtype != self.dtype:
            raise LeveretUsageError(
                f"x must be (n, h, w, {self.in_channels}) {np.dtype(self.dtype)}, got {_described(x)}"
            )
        x = np.ascontiguousarray(x)
        shape = (len(x), *self.window.out(*x.shape[1:3]), self.out_channels)
        steps = epilogue(shape, scale, shift, **later)
        layer = self.native_layer(*x.shape[1:3])
        if layer is None:
            return reference.affine(self._reference(x), **steps)
        out = np.empty(shape, np.float32)
        row = self.window.as_row(*x.shape[1:3])
        layer.run(x.view(np.uint8), row, tuple(steps.values()), out, threads)
        return out

    def native_layer(self, height: int, width: int) -> Any | None:
        """What computes images of this size; None: numpy does."""
        if self._native is None or self._native.held(self.window.as_row(height, width)) > _MOST_HELD:
            return None
        return self._native


class WholeLinear:
    """Rows `(n, in)` of int8 or uint8, computed as pixels of a 1x1 convolution."""

    def __init__(self, conv: WholeConv2d) -> None:
        self._conv = conv

    def native_layer(self) -> Any | None:
        """What computes rows; None: numpy does."""
        return self._conv.native_layer(1, 1)

    def __call__(
        self,
        x: Values,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """Sums `(n, out)` float32, through the epilogue."""
        features, dtype = self._conv.in_channels, np.dtype(self._conv.dtype)
        if not isinstance(x, np.ndarray) or x.ndim != 2 or x.shape[1] != features or x.dtype != dtype:
            raise LeveretUsageError(f"x must be (n, {features}) {dtype}, got {_described(x)}")
        add = later.get("add")
        if add is not None and add.shape != (len(x), self._conv.out_channels):
            raise LeveretUsageError(f"add must be {(len(x), self._conv.out_channels)}, got {add.shape}")
        # eight rows side by side share what is read of the weights; lines of them are shared out among threads
        image = (1, len(x) // 8, 8) if len(x) % 8 == 0 else (1, 1, len(x))
        if len(x) == 0:
            image = (0, 1, 1)
        if add is not None:
            later["add"] = add.reshape(*image, self._conv.out_channels)
        out = self._conv(x.reshape(*image, x.shape[1]), scale, shift, threads=threads, **later)
        return out.reshape(len(x), self._conv.out_channels)


def _described(x: Any) -> str:
    return f"{x.shape} {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
