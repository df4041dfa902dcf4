"""The experiments' nets: small, so that all methods with all seeds take hours and not days."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from leveret.nets import ConvNet

__all__ = ["small_net"]

_SETTINGS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "elpv": (1, 2, {"depth": 7, "widths": (16, 32, 64), "stem_pool": True}),
    "fashion": (1, 10, {"depth": 5, "widths": (16, 32)}),
    "cifar": (3, 10, {"depth": 5, "widths": (16, 32)}),
}


def small_net(part: str) -> Callable[[], nn.Module]:
    """Gives a fresh net for "elpv", "fashion" or "cifar"."""
    channels, classes, settings = _SETTINGS[part]
    return functools.partial(ConvNet, channels, classes, **settings)
