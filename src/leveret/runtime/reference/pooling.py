"""Maximum and average over windows of images `(n, h, w, c)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._geometry import Window
from leveret.runtime.reference.floatconv import windows

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(x: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """The largest value under each window; places outside the image take no part."""
    return windows(x, window, fill=-np.inf).max((3, 4))


def avg_pool2d(x: NDArray[np.float32], window: Window, count_include_pad: bool = True) -> NDArray[np.float32]:
    """The mean under each window, over its places in the padded image or (else) in the image alone."""
    sums = windows(x, window).sum((3, 4))
    inside = np.ones((1, *x.shape[1:3], 1), np.float32)
    if count_include_pad:
        (ph, pw) = window.padding
        inside = np.pad(inside, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=1)
        unpadded = Window(window.kernel, window.stride, (0, 0), window.dilation, window.ceil_mode)
        counts = _counts(inside, unpadded, sums.shape[1:3])
    else:
        counts = windows(inside, window).sum((3, 4))
    return (sums / counts).astype(np.float32)


def _counts(inside: NDArray[np.float32], window: Window, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Places per window of an already padded image, for as many windows as `size` says."""
    reach = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(size, window.stride, window.dilation, window.kernel, strict=True)
    ]
    more = [max(0, r - have) for r, have in zip(reach, inside.shape[1:3], strict=True)]
    grown = np.pad(inside, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)))[:, : reach[0], : reach[1]]
    return windows(grown, Window(window.kernel, window.stride, (0, 0), window.dilation)).sum((3, 4))
