"""The last layer of a net grown, cut or put in another order: a row an output, known by the name of its class.

"All parameters copied except the rows that have no match, which start random" (Xiao et al., 2014, section 3).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import CosineLinear, final_linear, replaced_final

__all__ = ["check_outputs", "with_outputs"]


def with_outputs(net: nn.Module, have: Sequence[str], want: Sequence[str], *, seed: int = 0) -> nn.Module:
    """A copy of a net whose outputs are other classes: rows of known classes are copied, others drawn at random.

    Args:
        net: its logits come from a `Linear` or a `CosineLinear`; stays as it is.
        have: the class of each of its outputs.
        want: the classes of the copy's outputs, in order.
        seed: of the rows that are new, which are drawn as PyTorch draws such a layer.

    Raises:
        LeveretUsageError: the net has no such layer, or not as many outputs as `have`.
    """
    layer = check_outputs(net, have)
    if tuple(have) == tuple(want):
        return copy.deepcopy(net)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        made: nn.Linear | CosineLinear
        if isinstance(layer, CosineLinear):
            made = CosineLinear(layer.in_features, len(want), layer.scale)
        else:
            made = nn.Linear(layer.in_features, len(want), bias=layer.bias is not None)
    made = made.to(layer.weight)
    place = {name: i for i, name in enumerate(have)}
    with torch.no_grad():
        for row, name in enumerate(want):
            if name in place:
                made.weight[row] = layer.weight[place[name]]
                if isinstance(made, nn.Linear) and isinstance(layer, nn.Linear) and made.bias is not None:
                    made.bias[row] = layer.bias[place[name]]
    made.train(layer.training)
    return replaced_final(net, made)


def check_outputs(net: nn.Module, names: Sequence[str]) -> nn.Linear | CosineLinear:
    """The net's last linear layer; raises `LeveretUsageError` where it hasn't an output for each name."""
    _, layer = final_linear(net)
    if layer.out_features != len(names):
        raise LeveretUsageError(
            f"{type(net).__name__} has {layer.out_features} outputs for {len(names)} classes ({', '.join(names[:5])}"
            f"{', …' if len(names) > 5 else ''}); there must be one each"
        )
    return layer
