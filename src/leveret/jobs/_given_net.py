"""A net that a caller gives to a job: a module, or a function that makes one."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError

__all__ = ["maker_of"]


def maker_of(net: Any) -> tuple[Callable[[], nn.Module], str] | None:
    """What makes the net anew, and its class's name; None where `net` is a name, or nothing.

    Raises:
        LeveretUsageError: the function gives something else.
    """
    if isinstance(net, nn.Module):
        return functools.partial(copy.deepcopy, net), type(net).__name__
    if not callable(net):
        return None
    made = net()
    if not isinstance(made, nn.Module):
        raise LeveretUsageError(f"net must be a torch.nn.Module or a function that gives one, got {made!r}")
    return net, type(made).__name__
