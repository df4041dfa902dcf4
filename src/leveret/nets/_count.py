"""How large a net is, and how much work."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["layer_operations", "parameter_count"]


def parameter_count(net: nn.Module) -> int:
    """How many numbers a net learns: of all its parameters, each of which counts once however often it is used."""
    return sum(parameter.numel() for parameter in net.parameters())


def layer_operations(net: nn.Module, example: Any) -> list[tuple[nn.Module, int]]:
    """Convolutions and linear layers in the order in which they ran, with the multiply-accumulates of one sample.

    Args:
        net: any module.
        example: what it takes: a tensor `(n, …)`, or a list of n texts; run once.
    """
    found: list[tuple[nn.Module, int]] = []

    def add(module: Any, _inputs: Any, output: Tensor) -> None:
        found.append((module, module.weight[0].numel() * output.numel() // len(example)))

    hooks = [m.register_forward_hook(add) for m in net.modules() if _computes(m)]
    was_training = net.training
    net.eval()
    try:
        with torch.inference_mode():
            net(example)
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()
    return found


def _computes(module: nn.Module) -> bool:
    # layers in whole numbers inherit from neither, but hold weights of the same form
    return isinstance(module, nn.Conv2d | nn.Linear) or hasattr(module, "effective_weight")
