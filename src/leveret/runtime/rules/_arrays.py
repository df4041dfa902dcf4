"""One way to write what numpy arrays and torch tensors both do, so that a formula has one meaning in both.

The functions of this room take whichever they are given. They ask for torch only where a caller brought a tensor, by
which it is loaded already: the runtime never imports it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["library_of", "log_sum_exp"]


def library_of(*values: Any) -> Any:
    """The module whose functions these arrays take: torch if any is a tensor, else numpy."""
    torch = sys.modules.get("torch")
    if torch is not None and any(isinstance(value, torch.Tensor) for value in values):
        return torch
    return np


def log_sum_exp(values: Any, axis: int = -1) -> Any:
    """`log Σ exp(v)` along an axis, which is dropped; −inf where all of it are −inf, and never NaN."""
    lib = library_of(values)
    top = lib.amax(values, axis)
    top = lib.where(lib.isfinite(top), top, 0 * lib.ones_like(top))
    shifted = lib.exp(values - lib.moveaxis(top[None], 0, axis)).sum(axis)
    if lib is np:
        with np.errstate(divide="ignore"):
            return np.log(shifted) + top
    return lib.log(shifted) + top
