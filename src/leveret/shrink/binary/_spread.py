"""Weights of the size that signs ask for, where α doesn't keep the size that they had."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["spread_weights"]


def spread_weights(layer: nn.Conv2d | nn.Linear) -> None:
    """Scale a trained layer's weights in place so that they fill −1..1, with the signs that they have.

    For nets retrained by BinaryConnect or BinaryNet, whose BatchNorm takes the scale out again: weights of the usual
    size are so small that any update turns signs, and that signs drawn by `(W + 1) / 2` are hardly more than chance.
    Two standard deviations become 1, and what is beyond is cut.
    """
    with torch.no_grad():
        deviation = layer.weight.std()
        if deviation > 0:
            layer.weight.div_(2 * deviation).clamp_(-1, 1)
