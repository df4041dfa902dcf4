"""Nets that jobs know by name: those of `leveret.nets`, and "dcn", which looks closer where the answer is uncertain."""

from __future__ import annotations

from typing import Any

from torch import nn

from leveret.capacity import DynamicCapacityNet, capacity_net_for
from leveret.errors import LeveretUsageError
from leveret.nets import net_for

__all__ = ["DYNAMIC", "is_dynamic", "named_net"]

DYNAMIC = "dcn"


def named_net(data: Any, name: str | None, patches: int | None = None) -> nn.Module:
    """A new net for `data`, with random weights drawn from torch's generator.

    Args:
        data: as for `nets.net_for`.
        name: as for that, or "dcn": `capacity.capacity_net_for`.
        patches: of "dcn": how many parts of an image it looks at closely; default: by the image's size.

    Raises:
        LeveretUsageError: no such net for this kind of data, or for images of this size.
    """
    if name == DYNAMIC:
        return capacity_net_for(data, patches)
    try:
        return net_for(data, name)
    except LeveretUsageError as error:
        if data.kind != "image":
            raise
        raise LeveretUsageError(f"{error}; or {DYNAMIC}, which looks closer where the answer is uncertain") from error


def is_dynamic(net: nn.Module) -> bool:
    """Whether a net has coarse and fine layers, and so an objective and a section of the report of its own."""
    return isinstance(net, DynamicCapacityNet)
