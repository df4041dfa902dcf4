"""What can be told of a net before it is traced: modules that torch.export can't trace, and weights that hold NaN."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from leveret.errors import LeveretPackError

__all__ = ["check_net"]

# dynamically and statically quantised layers, also by their older name
_QUANTIZED = ("torch.ao.nn.quantized", "torch.nn.quantized", "torch.ao.nn.intrinsic.quantized")


def check_net(net: nn.Module) -> None:
    """Raise `LeveretPackError`, which names the module or parameter, for a net that can't be packed as it is."""
    for name, module in net.named_modules():
        where = f"layer {name!r}, a {type(module).__name__}," if name else f"the net, a {type(module).__name__},"
        if isinstance(module, torch.jit.ScriptModule):
            raise LeveretPackError(
                f"{where} is TorchScript, which can't be traced: pack the nn.Module that it was made of"
            )
        if type(module).__module__.startswith(_QUANTIZED):
            raise LeveretPackError(
                f"{where} was quantized by torch, to a form of torch's own: pack the real net, or what "
                "leveret.quantize makes of it"
            )
        if any(isinstance(value, UninitializedParameter | UninitializedBuffer) for value in _own(module)):
            raise LeveretPackError(f"{where} has no weights yet: run the net on the example once, then train it")
    for name, value in chain(net.named_parameters(), net.named_buffers()):
        if not value.is_floating_point():
            continue
        # a buffer may be infinite by intent, as a mask is
        kind, lost, what = ("parameter", ~value.isfinite(), "NaN or infinite values")
        if not isinstance(value, nn.Parameter):
            kind, lost, what = ("buffer", value.isnan(), "NaN")
        if bool(lost.any()):
            raise LeveretPackError(
                f"{kind} {name!r} holds {what}: train it anew, with a smaller learning rate, or take an earlier "
                "checkpoint"
            )


def _own(module: nn.Module) -> chain[torch.Tensor]:
    return chain(module.parameters(recurse=False), module.buffers(recurse=False))
