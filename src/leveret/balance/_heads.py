"""Last layers in training: on features at hand, or behind a net that stays as it is."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from leveret.nets import CosineLinear

__all__ = ["Head", "OnFrozen", "Scales", "Standardized"]


class Head(nn.Module):
    """From features `(batch, in_features)` to logits `(batch, out_features)`."""

    @abstractmethod
    def put_into(self, layer: nn.Linear | CosineLinear) -> None:
        """Make `layer`, of features as the net has them, give what this one gives."""


class Standardized(Head):
    """A layer behind features that are brought to mean 0 and deviation 1; a `CosineLinear` takes them as they are.

    Args:
        layer: is trained.
        rows: `(n, in_features)`, features that mean and deviation are of.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layer: nn.Linear | CosineLinear, rows: Tensor) -> None:
        super().__init__()
        self.layer = layer
        mean, std = rows.double().mean(0), rows.double().std(0, correction=0)
        if isinstance(layer, CosineLinear):
            mean, std = torch.zeros_like(mean), torch.ones_like(std)
        # a feature that is always the same says nothing, and is left as it is
        std = torch.where(std > 1e-6 * mean.abs() + 1e-12, std, torch.ones_like(std))
        self.register_buffer("mean", mean.float(), persistent=False)
        self.register_buffer("std", std.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer((x - self.mean) / self.std)

    def put_into(self, layer: nn.Linear | CosineLinear) -> None:
        with torch.no_grad():
            if isinstance(self.layer, CosineLinear):
                layer.weight.copy_(self.layer.weight)
                return
            assert isinstance(layer, nn.Linear)
            weight = self.layer.weight.double() / self.std.double()
            shift = -weight @ self.mean.double()
            if self.layer.bias is not None:
                shift += self.layer.bias.double()
            layer.weight.copy_(weight)
            if layer.bias is None:
                layer.bias = nn.Parameter(shift.to(layer.weight))
            else:
                layer.bias.copy_(shift)


class Scales(Head):
    """A layer that stays as it is, and a factor for each class's logit."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(layer.out_features))
        self.register_buffer("weight", layer.weight.detach().clone(), persistent=False)
        bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias.detach().clone()
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.factors * nn.functional.linear(x, self.weight, self.bias)  # type: ignore[arg-type]

    def put_into(self, layer: nn.Linear | CosineLinear) -> None:
        with torch.no_grad():
            layer.weight.mul_(self.factors[:, None])
            if isinstance(layer, nn.Linear) and layer.bias is not None:
                layer.bias.mul_(self.factors)


class OnFrozen(nn.Module):
    """A head behind a net that stays as it is, in eval mode, and is no part of checkpoints.

    Args:
        backbone: from inputs to features, in eval mode.
        head: is trained.
    """

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.head = head
        # not as a submodule, which training mode and optimisers would reach
        self._kept = (backbone,)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = self._kept[0](x)
        return self.head(features.float())
