"""Nets as `torch.export` traces them, in eval mode and with a free batch."""

from __future__ import annotations

import copy
import io
import logging
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, nn

from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.packing._check_net import check_net
from leveret.packing._lower import lower

__all__ = ["copied", "exported"]


def copied(net: nn.Module) -> nn.Module:
    """A copy of its own, in eval mode on the CPU.

    Raises:
        LeveretPackError: it holds what can't be packed; see `check_net`.
        LeveretUsageError: it can't be copied.
    """
    check_net(net)
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
        reason = str(error).strip().splitlines()[0].rstrip(". ")
        if "data-dependent" in reason:
            reason = "what it does depends on values"
            instead = "Compute both branches and mix them by a sigmoid, or decide before the net"
        else:
            instead = "It must do the same for every batch, whatever the samples' number"
        raise LeveretPackError(
            f"torch.export can't trace {type(net).__name__}{_where(net, error)}: {reason}. {instead}"
        ) from error


def _export(net: nn.Module, example: Tensor, dynamic_shapes: Any = None) -> Any:
    with warnings.catch_warnings(), torch.no_grad(), _quietly():
        warnings.simplefilter("ignore")
        return torch.export.export(net, (example,), dynamic_shapes=dynamic_shapes)


@contextmanager
def _quietly() -> Iterator[None]:
    """Hold back torch's graphs and remarks on what it can't trace; what the net itself writes is let through."""
    remarks = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    disabled, remarks.disabled = remarks.disabled, True
    try:
        with redirect_stderr(io.StringIO()) as written:
            yield
    finally:
        remarks.disabled = disabled
    sys.stderr.write(written.getvalue())


def _where(net: nn.Module, error: BaseException) -> str:
    """The innermost module of the net in whose code an error arose, as the end of a phrase."""
    names = {module: name for name, module in net.named_modules()}
    found = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_locals.get("self")
        if isinstance(module, nn.Module):
            found = names.get(module, found)
    return f", in layer {found!r}" if found else ""


def _name_what_is_missing(net: nn.Module, example: Tensor) -> None:
    """Some operators can't be traced with a free batch: the net with this one may say which the runtime lacks."""
    try:
        program = _export(net, example)
    except Exception:
        return
    lower(program)
