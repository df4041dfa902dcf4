"""A BatchNorm behind every layer, as nets of plain signs need it: their sums have no scale of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from leveret.shrink._choose import replaced
from leveret.shrink.int8._norms import followers

__all__ = ["with_norms"]


def with_norms(net: nn.Module, images: Tensor) -> nn.Module:
    """The net with a BatchNorm behind each Conv2d and Linear that lacks one, in place.

    It changes nothing in evaluation: it begins with the statistics of `images` and gives them back as scale and shift.

    Args:
        net: from `images` to logits.
        images: some dozens, normalised.
    """
    layers: list[Any] = [layer for layer in net.modules() if type(layer) in (nn.Conv2d, nn.Linear)]
    was_training = net.training
    net.eval()
    lacking = [layer for layer in layers if layer not in followers(net, layers, images[:1])]
    made: dict[nn.Module, nn.Module] = {}

    def watch(layer: nn.Module, args: Any, output: Tensor) -> None:
        # a layer whose outputs aren't one row or image per sample goes without
        if output.dim() in (2, 4):
            made[layer] = nn.Sequential(layer, _unchanging(output))

    handles = [layer.register_forward_hook(watch) for layer in lacking]
    try:
        with torch.no_grad():
            net(images)
    finally:
        for handle in handles:
            handle.remove()
    return replaced(net, made).train(was_training)


def _unchanging(output: Tensor) -> nn.Module:
    """A BatchNorm that gives `output` back, as it stands in evaluation."""
    channels = output.shape[1]
    norm: Any = nn.BatchNorm2d(channels) if output.dim() == 4 else nn.BatchNorm1d(channels)
    axes = (0, 2, 3) if output.dim() == 4 else (0,)
    with torch.no_grad():
        variance, mean = torch.var_mean(output, axes)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
    return norm.to(output.device)
