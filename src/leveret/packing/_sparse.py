"""Weights that are mostly zeros: a file keeps the others, and a kernel computes with them alone."""

from __future__ import annotations

import numpy as np

from leveret.packing._draft import Draft, DraftStep
from leveret.runtime.kernels import sparse_rows

__all__ = ["keep_what_was_not_pruned"]

# half the bytes there, since what is kept has its column beside it; and about where the kernel of whole rows is as fast
_MOSTLY = 0.75


def keep_what_was_not_pruned(draft: Draft) -> None:
    """Linear layers and 1x1 convolutions of which at least three quarters are zeros become `sparse_linear`."""
    for step in draft.steps:
        if not _is_product(step):
            continue
        weight = step.arrays["weight"].reshape(len(step.arrays["weight"]), -1)
        if np.count_nonzero(weight) > (1 - _MOSTLY) * weight.size:
            continue
        values, columns, starts = sparse_rows(weight)
        del step.arrays["weight"]
        step.op, step.attributes = "sparse_linear", {}
        step.arrays |= {"values": values, "columns": columns, "starts": starts}


def _is_product(step: DraftStep) -> bool:
    """Whether it is a real layer that weighs each place by itself."""
    if step.op == "linear":
        return True
    if step.op != "conv2d" or step.attributes.get("exact", False) or step.attributes.get("groups", 1) != 1:
        return False
    plain = ("stride", [1, 1]), ("padding", [0, 0])
    return step.arrays["weight"].shape[1:3] == (1, 1) and all(step.attributes.get(k, v) == v for k, v in plain)
