"""Products of real values with pruned weights."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import Channels, Floats, LaterSteps, epilogue, floats

__all__ = ["SparseLinear", "sparse_rows"]

Whole = NDArray[np.uint32]


def sparse_rows(weight: Floats) -> tuple[Floats, Whole, Whole]:
    """What is not 0 of a matrix `(out, in)`: values, columns and starts, as `SparseLinear` takes them."""
    weight = floats("weight", weight)
    if weight.ndim != 2:
        raise LeveretUsageError(f"weight must be (out, in), got {weight.shape}")
    kept = weight != 0
    starts = np.concatenate([[0], np.cumsum(kept.sum(1))]).astype(np.uint32)
    return weight[kept], np.nonzero(kept)[1].astype(np.uint32), starts


class SparseLinear:
    """`x @ weight.T` for a pruned weight `(out, in)`: on images `(n, h, w, in)` a 1x1 convolution.

    Args:
        values: `(kept,)` float32: what was not pruned, one output after the other.
        columns: `(kept,)` uint32: which input each value weighs, below `in_features`.
        starts: `(out + 1,)` uint32: where each output's values begin, and at the end their number.
        in_features: inputs.
    """

    def __init__(self, values: Floats, columns: Whole, starts: Whole, in_features: int) -> None:
        self.values = floats("values", values)
        self.columns, self.starts = _whole("columns", columns), _whole("starts", starts)
        if self.values.ndim != 1 or self.columns.shape != self.values.shape:
            raise LeveretUsageError(f"values and columns must be (kept,), got {values.shape} and {columns.shape}")
        if self.starts.ndim != 1 or len(self.starts) < 2 or self.starts[0] != 0 or self.starts[-1] != len(self.values):
            raise LeveretUsageError(f"starts must be (out + 1,), from 0 to {len(self.values)}")
        if (self.starts[1:] < self.starts[:-1]).any():
            raise LeveretUsageError("starts must not fall")
        if in_features < 1 or (len(self.columns) and self.columns.max() >= in_features):
            raise LeveretUsageError(f"columns must be below {in_features}, got {self.columns.max(initial=0)}")
        self.in_features = in_features
        self.out_features = len(self.starts) - 1

    def __call__(
        self,
        x: Floats,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """`(…, in)` to `(…, out)`, through the epilogue."""
        x = floats("x", x)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise LeveretUsageError(f"x must be (…, {self.in_features}), got {x.shape}")
        shape = (*x.shape[:-1], self.out_features)
        steps = epilogue(shape, scale, shift, **later)
        rows = x.reshape(-1, self.in_features)
        if native.use_reference():
            sums = reference.sparse_product(rows, self.values, self.columns, self.starts)
            return reference.affine(sums.reshape(shape), **steps)
        out = np.empty(shape, np.float32)
        native.module.sparse_product(self.values, self.columns, self.starts, rows, tuple(steps.values()), out, threads)
        return out


def _whole(name: str, x: Any) -> Whole:
    if not isinstance(x, np.ndarray) or x.dtype != np.uint32:
        raise LeveretUsageError(f"{name} must be a uint32 array, got {getattr(x, 'dtype', type(x).__name__)}")
    return np.ascontiguousarray(x)
