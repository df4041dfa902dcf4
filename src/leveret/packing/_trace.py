"""Nets as `torch.export` traces them, in eval mode and with a free batch."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.packing._lower import lower

__all__ = ["copied", "exported"]


def copied(net: nn.Module) -> nn.Module:
    """A copy of its own, in eval mode on the CPU; raises `LeveretUsageError` where there can be none."""
    try:
        return copy.deepcopy(net).cpu().eval()
    except RuntimeError as error:
        raise LeveretUsageError(
            f"{type(net).__name__} can't be copied: {str(error).splitlines()[0]}. Weights that hooks compute must be "
            "made plain before: torch.nn.utils.prune.remove, torch.nn.utils.remove_weight_norm"
        ) from error


def exported(net: nn.Module, example: Tensor) -> Any:
    """The net's trace on an example.

    Raises:
        LeveretPackError: it can't be traced.
        LeveretUsageError: the example doesn't fit it.
    """
    # export takes a batch of one for a constant
    several = example if len(example) > 1 else torch.cat([example, example])
    try:
        return _export(net, several, ({0: torch.export.Dim("batch", min=1)},))
    except Exception as error:
        try:
            with torch.no_grad():
                net(example)
        except Exception as own:
            raise LeveretUsageError(f"example of shape {tuple(example.shape)} doesn't fit the net: {own}") from own
        _name_what_is_missing(net, several)
        reason = str(error).strip().splitlines()[0]
        raise LeveretPackError(
            f"torch.export can't trace {type(net).__name__}: {reason}. Branches that depend on values must go"
        ) from error


def _export(net: nn.Module, example: Tensor, dynamic_shapes: Any = None) -> Any:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return torch.export.export(net, (example,), dynamic_shapes=dynamic_shapes)


def _name_what_is_missing(net: nn.Module, example: Tensor) -> None:
    """Some operators can't be traced with a free batch: the net with this one may say which the runtime lacks."""
    try:
        program = _export(net, example)
    except Exception:
        return
    lower(program)
