"""How large a net is."""

from __future__ import annotations

from torch import nn

__all__ = ["parameter_count"]


def parameter_count(net: nn.Module) -> int:
    """How many numbers a net learns: of all its parameters, each of which counts once however often it is used."""
    return sum(parameter.numel() for parameter in net.parameters())
