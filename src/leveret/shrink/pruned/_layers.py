"""Layers whose weights have holes: a mask says which weights are kept, the others count as 0 and learn nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import replaced
from leveret.shrink._classes import as_class

__all__ = [
    "PrunedConv2d",
    "PrunedLayer",
    "PrunedLinear",
    "fill_holes",
    "masked",
    "pruned_layers",
    "sparsity_of",
    "weight_name",
]


class PrunedLayer:
    """What pruned layers share.

    Attributes:
        weight: as of the layer that was pruned; 0 where the mask is False.
        mask: bool of `weight`'s shape, a buffer: True where a weight is kept.
    """

    weight: Tensor
    mask: Tensor

    def effective_weight(self) -> Tensor:
        """The weights that the layer computes with: those that were pruned are 0 and get no gradient."""
        return self.weight * self.mask

    def keep(self, mask: Tensor) -> None:
        """Keep only what `mask`, bool of `weight`'s shape, and the mask so far both keep."""
        with torch.no_grad():
            self.mask.logical_and_(mask)
            self.weight.mul_(self.mask)

    @property
    def sparsity(self) -> float:
        """The share of weights that were pruned, in [0, 1]."""
        return 1.0 - float(self.mask.float().mean())


class PrunedConv2d(PrunedLayer, nn.Conv2d):
    """A convolution with a mask over its weights; else as `torch.nn.Conv2d`. Made by `prune`."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.effective_weight(), self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sparsity={self.sparsity:.4g}"


class PrunedLinear(PrunedLayer, nn.Linear):
    """A linear layer with a mask over its weights; else as `torch.nn.Linear`. Made by `prune`."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.effective_weight(), self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sparsity={self.sparsity:.4g}"


_MASKED: dict[type[nn.Module], type[nn.Module]] = {nn.Conv2d: PrunedConv2d, nn.Linear: PrunedLinear}
_PLAIN = {pruned: plain for plain, pruned in _MASKED.items()}


def masked(layer: nn.Module) -> nn.Module:
    """The same layer, with its own parameters, and a mask that keeps every weight."""
    if isinstance(layer, PrunedLayer):
        return layer
    made = as_class(layer, _MASKED[type(layer)])
    made.register_buffer("mask", torch.ones_like(cast(Tensor, layer.weight), dtype=torch.bool))
    return made


def pruned_layers(net: nn.Module) -> Iterator[tuple[str, Any]]:
    """Names and modules of the pruned layers, in order."""
    return ((name, module) for name, module in net.named_modules() if isinstance(module, PrunedLayer))


def sparsity_of(net: nn.Module) -> float:
    """The share of the weights of all pruned layers together that were pruned, in [0, 1].

    Raises:
        LeveretUsageError: the net has no pruned layer.
    """
    masks = [layer.mask for _, layer in pruned_layers(net)]
    if not masks:
        raise LeveretUsageError(f"{type(net).__name__} has no pruned layer; `prune` makes them")
    return 1.0 - sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)


def weight_name(layer: str) -> str:
    """The name of a layer's weight in `net.named_parameters()`."""
    return f"{layer}.weight".lstrip(".")


def fill_holes(net: nn.Module, *, inplace: bool = False) -> nn.Module:
    """The net with ordinary layers again, whose pruned weights are zeros like any other number.

    For transforms that look for `nn.Conv2d` and `nn.Linear`, such as `leveret.quantize`; training would fill the holes.
    """
    result = net if inplace else copy.deepcopy(net)
    made = {}
    for _, layer in pruned_layers(result):
        plain = as_class(layer, _PLAIN[type(layer)])
        with torch.no_grad():
            plain.weight.copy_(layer.effective_weight())
        del plain.mask
        made[layer] = plain
    return replaced(result, made)
