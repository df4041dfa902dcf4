"""Multiply-accumulates and bytes of a torch net, as a user would count them."""

from __future__ import annotations

import torch
from torch import nn

from leveret.nets import layer_operations
from leveret.shrink.binary import XnorConv2d, XnorLinear

__all__ = ["count_operations", "float_bytes", "held_bytes"]


def count_operations(net: nn.Module, example: torch.Tensor) -> tuple[int, int]:
    """Multiply-accumulates per image of convolutions and linear layers: (on floats, on single bits).

    Args:
        net: any module.
        example: `(n, channels, height, width)` float32, normalised; run once.
    """
    found = [0, 0]
    for layer, number in layer_operations(net, example):
        found[isinstance(layer, XnorConv2d | XnorLinear)] += number
    return found[0], found[1]


def float_bytes(net: nn.Module) -> int:
    """Bytes of the net's weights and statistics as float32."""
    return sum(4 * value.numel() for value in net.state_dict().values() if value.is_floating_point())


def held_bytes(net: nn.Module) -> int:
    """The same, where weights of one byte take one."""
    return float_bytes(net) + sum(v.numel() for v in net.state_dict().values() if v.dtype == torch.int8)
