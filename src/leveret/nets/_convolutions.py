"""Which modules are convolutions of images: torch's, those made of it, and those that compute one in whole numbers."""

from __future__ import annotations

from typing import Any, TypeGuard

from torch import Tensor, nn

__all__ = ["is_conv2d"]

_LIKE_ONE = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode", "in_channels")


def is_conv2d(module: Any) -> TypeGuard[nn.Conv2d]:
    """Whether a module convolves images and says how, as `nn.Conv2d` does, which `Int8Conv2d` doesn't inherit from."""
    if isinstance(module, nn.Conv2d):
        return True
    weight = getattr(module, "weight", None)
    return (
        all(hasattr(module, name) for name in _LIKE_ONE)
        and not getattr(module, "transposed", False)
        and isinstance(weight, Tensor)
        and weight.dim() == 4
    )
