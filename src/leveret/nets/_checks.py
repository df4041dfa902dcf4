"""Checks that nets share."""

from __future__ import annotations

import torch
from torch import Tensor, fx

from leveret.errors import LeveretUsageError

__all__ = ["check_images", "positive", "traced"]


def positive(**values: int) -> None:
    """Raise `LeveretUsageError` naming the first of `values` that isn't a whole number above 0."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise LeveretUsageError(f"{name} must be a whole number of at least 1, got {value!r}")


def traced(x: object) -> bool:
    """Whether `x` only stands for an input, of which a trace follows the way, so that its shape can't be asked for."""
    return torch.compiler.is_exporting() or isinstance(x, fx.Proxy)


def check_images(x: Tensor, channels: int, min_size: int) -> None:
    """Raise `LeveretUsageError` where `x` isn't `(batch, channels, height, width)` of at least `min_size` a side."""
    if traced(x):
        return
    if x.dim() != 4 or x.shape[1] != channels:
        raise LeveretUsageError(f"images must be (batch, {channels}, height, width), got {tuple(x.shape)}")
    if min(x.shape[2:]) < min_size:
        raise LeveretUsageError(
            f"images must be at least {min_size} pixels a side for this net, got {x.shape[2]}x{x.shape[3]}; "
            "use fewer stages"
        )
