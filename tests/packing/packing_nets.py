"""Nets as training leaves them, and the comparison of a packed net with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret.packing import pack
from leveret.runtime import Packed

__all__ = ["Function", "head", "ops", "packs_right", "trained"]


def trained(net: nn.Module, seed: int = 0) -> nn.Module:
    """Statistics and parameters as after training; BatchNorm's scale is negative in some channels and 0 in one."""
    generator = torch.Generator().manual_seed(seed)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.4 * normal(parameter))
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.copy_(0.5 * normal(module.running_mean))
                module.running_var.copy_(0.3 + normal(module.running_var).abs())
                if module.affine and module.num_features > 1:
                    module.weight.copy_(normal(module.weight))
                    module.weight[-1] = 0
    return net.eval()


def packs_right(net: nn.Module, x: Tensor, tolerance: float = 1e-4) -> Packed:
    """Pack a net and hold its logits against PyTorch's, of each image and of the whole batch."""
    net.eval()
    packed = pack(net, x[:2])
    with torch.no_grad():
        expected = net(x).numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(packed(x.numpy()), expected, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(packed(x[-1].numpy()), expected[-1:], rtol=0, atol=tolerance * scale)
    return packed


def ops(packed: Packed) -> list[str]:
    return [step.op for step in packed.graph.steps]


def head(channels: int, classes: int = 3) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


class Function(nn.Module):
    """Layers by name, a function of them and an image, averaged over places and classified."""

    def __init__(self, function: Callable[..., Tensor], channels: int, **layers: Any) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleDict(layers)
        self.classifier = nn.Linear(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(x, **self.layers)
        return self.classifier(y.mean((2, 3)) if y.dim() == 4 else y)
