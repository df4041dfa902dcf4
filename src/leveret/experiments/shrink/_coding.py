"""What an ideal coder would need for a net of shared weights."""

from __future__ import annotations

import math

import numpy as np
from torch import nn

from leveret.shrink.shared._layers import SharedConv2d, SharedLinear

__all__ = ["entropy_bytes"]


def entropy_bytes(net: nn.Module) -> int:
    """Bytes of all indices by their entropy, zeros among them, each layer for itself, and of tables and biases."""
    total = 0.0
    for layer in net.modules():
        if isinstance(layer, SharedConv2d | SharedLinear):
            counts = np.unique(layer.indices.numpy(), return_counts=True)[1]
            shares = counts / counts.sum()
            total += float(-(counts * np.log2(shares)).sum()) / 8 + 4 * layer.values.numel()
            total += 0 if layer.bias is None else 4 * layer.bias.numel()
    return math.ceil(total)
