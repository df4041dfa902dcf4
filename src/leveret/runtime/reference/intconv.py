"""Convolution of bytes with bytes, as an exact one of doubles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._geometry import Window
from leveret.runtime.reference.floatconv import floatconv

__all__ = ["intconv"]


def intconv(x: NDArray[Any], weight: NDArray[np.int8], window: Window, groups: int = 1) -> NDArray[np.float32]:
    """Whole sums, rounded to float32 once: `(n, h, w, in)` with `(out, kernel_h, kernel_w, in / groups)`."""
    return floatconv(x.astype(np.float32), weight.astype(np.float32), window, groups, exact=True)
