"""The methods that the experiment holds against one another: how each changes a trained net, and how it then learns.

Each follows its paper in what is left real: BinaryConnect and BinaryNet leave no layer so (the first takes real
inputs), Binary-Weight and XNOR-Net the first and the last. Ternary nets have none either on MNIST, where inputs of 3
bits are nearly what they were; on CIFAR-10 the first and the last stay real.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from leveret.shrink import binarize, ternarize
from leveret.shrink.binary import spread_weights

__all__ = ["RECIPES", "Recipe"]

Batches = list[Tensor]


@dataclass(frozen=True)
class Recipe:
    """One method.

    Attributes:
        title: of it.
        paper: where it is from.
        make: the net, from a trained one, batches of its inputs, and whether all layers are to change.
        lr: the peak learning rate.
        drawn: whether training draws signs at random, after which BatchNorm's statistics are found anew.
    """

    title: str
    paper: str
    make: Callable[[nn.Module, Batches, bool], nn.Module]
    lr: float = 2e-3
    drawn: bool = False


def _ternary(net: nn.Module, batches: Batches, every: bool) -> nn.Module:
    return ternarize(net, batches, 3, keep_first=not every, keep_last=not every)


def _binaryconnect(stochastic: bool) -> Callable[[nn.Module, Batches, bool], nn.Module]:
    def make(net: nn.Module, batches: Batches, every: bool) -> nn.Module:
        net = copy.deepcopy(net)
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                spread_weights(layer)
        return binarize(net, "binaryconnect", keep_first=False, keep_last=False, stochastic=stochastic)

    return make


def _binarynet(net: nn.Module, batches: Batches, every: bool) -> nn.Module:
    first, *inner, last = (name for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear))
    signs = binarize(binarize(net, "binaryconnect", layers=[first]), "binarynet", layers=inner)
    # with α, as bare sums of signs are far too large for logits; the paper has a BatchNorm there
    return binarize(signs, "xnor", layers=[last])


def _weights(net: nn.Module, batches: Batches, every: bool) -> nn.Module:
    return binarize(net, "weights")


def _xnor(net: nn.Module, batches: Batches, every: bool) -> nn.Module:
    return binarize(net, "xnor", input_scale=False)


RECIPES: dict[str, Recipe] = {
    "ternary": Recipe("ternary weights, 3-bit activations", "Hwang & Sung, 2014", _ternary, 1e-3),
    "binaryconnect": Recipe("BinaryConnect, deterministic", "Courbariaux et al., 2015", _binaryconnect(False), 0.02),
    "binaryconnect-stochastic": Recipe(
        "BinaryConnect, stochastic", "Courbariaux et al., 2015", _binaryconnect(True), 0.03, drawn=True
    ),
    "binarynet": Recipe("BinaryNet", "Courbariaux et al., 2016", _binarynet),
    "bwn": Recipe("Binary-Weight-Network", "Rastegari et al., 2016", _weights),
    "xnor": Recipe("XNOR-Net, without K", "Rastegari et al., 2016", _xnor),
}
