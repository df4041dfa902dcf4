"""Products with pruned weights, filled up with zeros again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["dense_rows", "sparse_product"]


def dense_rows(
    values: NDArray[np.float32], columns: NDArray[np.uint32], starts: NDArray[np.uint32], inputs: int
) -> NDArray[np.float32]:
    """Pruned weights as a matrix `(out, inputs)`; see `leveret.runtime.kernels.SparseLinear`."""
    weight = np.zeros((len(starts) - 1, inputs), np.float32)
    rows = np.repeat(np.arange(len(weight)), starts[1:] - starts[:-1])
    np.add.at(weight, (rows, columns), values)
    return weight


def sparse_product(
    x: NDArray[np.float32],
    values: NDArray[np.float32],
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> NDArray[np.float32]:
    """`(n, in)` to `(n, out)`."""
    return x @ dense_rows(values, columns, starts, x.shape[1]).T
