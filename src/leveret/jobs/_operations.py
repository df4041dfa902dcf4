"""Multiply-accumulates and bytes of a torch net, as a user would count them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from leveret.shrink.binary import XnorConv2d, XnorLinear

__all__ = ["count_operations", "float_bytes"]


def count_operations(net: nn.Module, example: torch.Tensor) -> tuple[int, int]:
    """Multiply-accumulates per image of convolutions and linear layers: (on floats, on single bits).

    Args:
        net: any module.
        example: `(n, channels, height, width)` float32, normalised; run once.
    """
    found = [0, 0]

    def add(module: Any, _inputs: Any, output: torch.Tensor) -> None:
        per_output = module.weight[0].numel()
        binary = isinstance(module, XnorConv2d | XnorLinear)
        found[binary] += per_output * output.numel() // len(example)

    hooks = [m.register_forward_hook(add) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    was_training = net.training
    net.eval()
    try:
        with torch.inference_mode():
            net(example)
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()
    return found[0], found[1]


def float_bytes(net: nn.Module) -> int:
    """Bytes of the net's weights and statistics as float32."""
    return sum(4 * value.numel() for value in net.state_dict().values() if value.is_floating_point())
