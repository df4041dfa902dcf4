"""The same layer as one of another class."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

__all__ = ["as_class"]


def as_class(layer: nn.Module, kind: type[nn.Module]) -> Any:
    """A layer of another class with the same parameters, buffers, window and hooks; `layer` stays as it is."""
    made = kind.__new__(kind)
    made.__dict__ = {
        name: copy.copy(value) if isinstance(value, dict) else value for name, value in layer.__dict__.items()
    }
    return made
