"""Real convolution: windows gathered side by side, then one matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from leveret.runtime._geometry import Window

__all__ = ["floatconv", "windows"]


def windows(x: NDArray[np.float32], window: Window, fill: float = 0.0) -> NDArray[np.float32]:
    """The values under each window, `(n, out_h, out_w, kernel_h, kernel_w, c)`, of images `(n, h, w, c)`."""
    n, height, width, channels = x.shape
    out_h, out_w = window.out(height, width)
    reach = [
        (places - 1) * s + d * (k - 1) + 1
        for places, s, d, k in zip((out_h, out_w), window.stride, window.dilation, window.kernel, strict=True)
    ]
    ph, pw = window.padding
    # a ceil_mode window may reach past the padding
    below, right = max(ph, reach[0] - height - ph), max(pw, reach[1] - width - pw)
    padded = np.pad(x, ((0, 0), (ph, below), (pw, right), (0, 0)), constant_values=fill)
    sn, sh, sw, sc = padded.strides
    return as_strided(
        padded,
        (n, out_h, out_w, *window.kernel, channels),
        (
            sn,
            sh * window.stride[0],
            sw * window.stride[1],
            sh * window.dilation[0],
            sw * window.dilation[1],
            sc,
        ),
        writeable=False,
    )


def floatconv(
    x: NDArray[np.float32], weight: NDArray[np.float32], window: Window, groups: int = 1, exact: bool = False
) -> NDArray[np.float32]:
    """`(n, h, w, in)` with weights `(out, kernel_h, kernel_w, in / groups)` to `(n, out_h, out_w, out)`.

    `exact` adds in double and rounds once.
    """
    dtype: Any = np.float64 if exact else np.float32
    outputs, own = weight.shape[0] // groups, weight.shape[3]
    parts: list[NDArray[Any]] = []
    for g in range(groups):
        seen = windows(x[..., g * own : (g + 1) * own], window)
        flat: NDArray[Any] = np.ascontiguousarray(seen, dtype).reshape(*seen.shape[:3], weight[0].size)
        filters: NDArray[Any] = weight[g * outputs : (g + 1) * outputs].reshape(outputs, -1).astype(dtype)
        parts.append(flat @ filters.T)
    return np.concatenate(parts, axis=3).astype(np.float32)
