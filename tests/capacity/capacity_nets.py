"""Small coarse, fine and top layers that the tests of capacity share, and what depends on what by brute force."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from leveret.capacity import DynamicCapacityNet


def coarse_layers(channels=1):
    """Stride 4, fields of 7 pixels."""
    return nn.Sequential(nn.Conv2d(channels, 3, 3, 2), nn.ReLU(), nn.Conv2d(3, 6, 3, 2), nn.ReLU())


def fine_layers(channels=1, norm=True):
    """Stride 4, padded: fields of 12 pixels, the first of which begins 3 before the image."""
    return nn.Sequential(
        nn.Conv2d(channels, 5, 3, padding=1),
        nn.BatchNorm2d(5) if norm else nn.Identity(),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, stride=2),
        nn.ReLU(),
    )


def fine_unpadded(channels=1):
    """Stride 4, fields of 7 pixels, no padding: the same grid as the coarse layers'."""
    return nn.Sequential(nn.Conv2d(channels, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU())


def top_layers(classes=10):
    return nn.Sequential(
        nn.Conv2d(6, 8, 2), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(8, classes)
    )


def made_net(k=3, seed=0, fine=None, channels=1, **options):
    torch.manual_seed(seed)
    net = DynamicCapacityNet(
        coarse_layers(channels), fine_layers(channels) if fine is None else fine, top_layers(), k, **options
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            # not the start, of which nothing would be seen
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return net


def images(batch=4, side=28, channels=1, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, channels, side, side), generator=generator, dtype=dtype)


def dependence(net, side, channels=1):
    """Which pixels each place depends on, `(rows, columns, height, width)` bool, by perturbing every pixel in turn.

    The net must let a NaN through wherever it looks: then one run per pixel tells, whatever the weights are.
    """
    base = torch.zeros(side[0] * side[1], channels, *side, dtype=torch.float64)
    pixels = torch.arange(side[0] * side[1])
    base[pixels, :, pixels // side[1], pixels % side[1]] = torch.nan
    with torch.no_grad():
        touched = net.double()(base).isnan().any(1)
    return np.moveaxis(touched.numpy().reshape(*side, *touched.shape[1:]), (0, 1), (2, 3))
