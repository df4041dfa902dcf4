"""Small backbones and nets that the tests of context share."""

from __future__ import annotations

import torch
from torch import nn

from leveret.context import street_backbone

__all__ = ["Own", "images", "lively", "small_backbone"]


class Own(nn.Module):
    """A user's classifier, with parts that have names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 2, 1)
        self.second = nn.Sequential(nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.classifier = nn.Linear(8, 10)

    def forward(self, x):
        return self.classifier(self.second(self.first(x)).mean((2, 3)))


def small_backbone(**options):
    """Strides 2, 4 and 8."""
    return street_backbone(widths=(6, 8, 10), depths=(1, 1, 2), **options)


def lively(net, seed=0):
    """As after training: no statistics at their start, and no classifier of zeros."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    for parameter in net.parameters():
        if not parameter.any():
            parameter.data.normal_(0, 0.3, generator=generator)
    return net.eval()


def images(batch=2, channels=3, height=16, width=24, seed=1):
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(seed))
