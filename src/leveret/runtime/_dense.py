"""Weights of any storage as plain numbers, for what is no kernel of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime import kernels, reference

__all__ = ["dense_weight"]


def dense_weight(op: Any) -> NDArray[Any]:
    """An operation's weights, one number each: `(out, …, in / groups)`; for a pruned layer `(out, in)`, zeros included.

    Bits are ±1, planes and bytes whole numbers, without their scale.
    """
    if "starts" in op.arrays:
        values, columns, starts = (op.arrays[role] for role in ("values", "columns", "starts"))
        return reference.dense_rows(values, columns, starts, op.inputs[0].channels)
    weight = op.arrays["weight"]
    if weight.dtype != np.uint64:
        return weight
    own = op.inputs[0].channels // op.values.get("groups", 1)
    if "encoding" in op.values:
        return reference.unpack_planes(weight, own, op.values["encoding"])
    return kernels.unpack_bits(weight, own)
