"""Maximum and average over windows."""

from __future__ import annotations

import numpy as np

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import Floats, image
from leveret.runtime._geometry import Pair, Window, pair

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(
    x: Floats,
    kernel: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    *,
    ceil_mode: bool = False,
    threads: int = 0,
) -> Floats:
    """The largest value under each window of `(n, h, w, c)`; the arguments as in `torch.nn.MaxPool2d`."""
    window = _pool_window(kernel, stride, padding, dilation, ceil_mode)
    x = image(x)
    if native.use_reference():
        return reference.max_pool2d(x, window)
    return _pooled(x, window, False, True, threads)


def avg_pool2d(
    x: Floats,
    kernel: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    threads: int = 0,
) -> Floats:
    """The mean under each window of `(n, h, w, c)`; the arguments as in `torch.nn.AvgPool2d`."""
    window = _pool_window(kernel, stride, padding, 1, ceil_mode)
    x = image(x)
    if native.use_reference():
        return reference.avg_pool2d(x, window, count_include_pad)
    return _pooled(x, window, True, count_include_pad, threads)


def _pool_window(
    kernel: int | Pair, stride: int | Pair | None, padding: int | Pair, dilation: int | Pair, ceil_mode: bool
) -> Window:
    window = Window(pair(kernel), pair(kernel if stride is None else stride), pair(padding), pair(dilation), ceil_mode)
    if any(2 * p > k for p, k in zip(window.padding, window.kernel, strict=True)):
        raise LeveretUsageError(f"padding must be at most half of the kernel {window.kernel}, got {window.padding}")
    return window


def _pooled(x: Floats, window: Window, average: bool, count_padding: bool, threads: int) -> Floats:
    out = np.empty((len(x), *window.out(*x.shape[1:3]), x.shape[3]), np.float32)
    native.module.pool(x, window.as_row(*x.shape[1:3]), average, count_padding, out, threads)
    return out
