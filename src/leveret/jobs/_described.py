"""A training's recipe as plain values, by which a resumed run is known."""

from __future__ import annotations

import hashlib
from typing import Any

from torch import nn

from leveret.nets import parameter_count
from leveret.training import Augment

__all__ = ["described_augmentation", "described_net"]


def described_net(net: nn.Module, name: str) -> dict[str, Any]:
    """Its name, its parameters, and a mark of their shapes."""
    shapes = {key: list(value.shape) for key, value in net.state_dict().items()}
    return {
        "net": name,
        "parameters": parameter_count(net),
        "shapes": hashlib.sha256(repr(shapes).encode()).hexdigest()[:12],
    }


def described_augmentation(augment: Any) -> dict[str, Any] | None:
    """An `Augment`'s settings, or the name of a user's function."""
    if augment is None:
        return None
    if isinstance(augment, Augment):
        return augment.as_dict()
    return {"function": getattr(augment, "__name__", type(augment).__name__)}
