"""How much of an image the layers of a backbone see around each place."""

from __future__ import annotations

from torch import nn

from leveret.context import Stages

__all__ = ["reach_of"]


def reach_of(backbone: Stages) -> int:
    """Pixels a side of the square that decides about a place of the coarsest map: the field of a chain of convolutions.

    Each of kernel k widens it by k − 1 of its own input's steps.
    """
    side, step = 1, 1
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            side += (module.kernel_size[0] - 1) * step
            step *= module.stride[0]
    return side
