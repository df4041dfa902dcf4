"""`binarize`: the transform that replaces a net's convolutions and linear layers by binary ones."""

from __future__ import annotations

import copy
from typing import Any, Literal, get_args

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import Chosen, choose_layers, fitting, replaced
from leveret.shrink._windows import padding_of, pads_unevenly
from leveret.shrink.binary._layers import (
    BinaryWeightConv2d,
    BinaryWeightLinear,
    InputGradient,
    WeightGradient,
    XnorConv2d,
    XnorLinear,
)
from leveret.shrink.binary._norms import LastAxisNorm

__all__ = ["binarize"]

Kind = Literal["xnor", "weights", "binaryconnect", "binarynet"]


def binarize(
    net: nn.Module,
    kind: Kind = "xnor",
    *,
    layers: Chosen = None,
    keep_first: bool = True,
    keep_last: bool = True,
    input_norm: bool | None = None,
    input_scale: bool = False,
    weight_scale: bool | None = None,
    weight_gradient: WeightGradient | None = None,
    input_gradient: InputGradient = "clipped",
    stochastic: bool = False,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Give back `net` with its Conv2d and Linear layers binary; their real weights and biases are carried over.

    Args:
        net: any module. Layers are found by type, exactly `nn.Conv2d` and `nn.Linear`.
        kind: "xnor" or "weights": XNOR-Net's, with inputs and weights as signs, or weights alone. "binarynet" or
            "binaryconnect": the same in the manner of BinaryNet (Courbariaux et al., 2016) and BinaryConnect (NIPS
            2015), without α, and with real weights held within −1..1 that take the signs' gradients as they are.
        layers: which to convert: names or glob patterns as in `net.named_modules()` ("features.*"), or a function
            of name and module. Without it all but the first and the last, as in the paper (section 4).
        keep_first, keep_last: leave the first or last Conv2d/Linear real, in the order in which the net registers
            them; only looked at where `layers` is None.
        input_norm: put a BatchNorm before each sign, the paper's block order; before a Linear over the last axis,
            whatever axes lead there. Default: yes where inputs are
            signs, no for weights alone. Say no if the net normalises there already.
        input_scale: multiply by K (XNOR-Net, eq. 11).
        weight_scale, weight_gradient, input_gradient: see the binary layers. By default α and the paper's gradient for
            XNOR-Net's kinds; no α and the identity for the others.
        stochastic: draw each weight's sign anew in training, by how far it is from −1 and 1; evaluation takes the sign,
            and BatchNorms must be told (`reestimate_norms`). With "identity" gradients alone, hence for "binaryconnect"
            and "binarynet" by default. It learns slowly: give it a high learning rate.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretUsageError: nothing was chosen, a pattern fits no layer, or a chosen layer can't be binary
            (padding other than zeros, a weight shared between layers).

    Example:
        >>> small = binarize(net)                                  # XNOR inside, real at both ends
        >>> small = binarize(net, "weights", layers=["features.*"])
        >>> small = binarize(net, "binaryconnect", stochastic=True)
    """
    if kind not in get_args(Kind):
        raise LeveretUsageError(f"kind must be one of {', '.join(map(repr, get_args(Kind)))}, got {kind!r}")
    signs_alone = kind in ("binaryconnect", "binarynet")
    if weight_gradient is None:
        weight_gradient = "identity" if signs_alone else "paper"
    if stochastic and weight_gradient != "identity":
        raise LeveretUsageError(
            "stochastic signs take the identity as gradient: use kind='binaryconnect' or 'binarynet'"
        )
    binary_inputs = kind in ("xnor", "binarynet")
    result = net if inplace else copy.deepcopy(net)
    chosen = choose_layers(result, layers, keep_first, keep_last, "binary")
    chosen = fitting(result, chosen, _unfit, skip_unfit)
    with_norm = binary_inputs if input_norm is None else input_norm
    with_scale = not signs_alone if weight_scale is None else weight_scale
    options: dict[str, Any] = {"weight_scale": with_scale, "weight_gradient": weight_gradient}
    if binary_inputs:
        options |= {"input_scale": input_scale, "input_gradient": input_gradient}
    made = {}
    for _, module in chosen:
        binary = _binary_like(module, binary_inputs, options)
        binary.stochastic = stochastic
        binary.train(module.training)
        if with_norm:
            norm = _norm_for(module).to(module.weight.device, module.weight.dtype)
            norm.train(module.training)
            binary = nn.Sequential(norm, binary)
        made[module] = binary
    return replaced(result, made)


def _unfit(module: nn.Module) -> str | None:
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros":
            return f"pads with {module.padding_mode!r}; a binary layer pads with zeros only"
        if pads_unevenly(module):
            return "pads unevenly ('same' with an even kernel); give its padding in numbers"
    return None


def _binary_like(module: Any, binary_inputs: bool, options: dict[str, Any]) -> Any:
    binary: Any
    if isinstance(module, nn.Conv2d):
        conv = XnorConv2d if binary_inputs else BinaryWeightConv2d
        binary = conv(
            module.in_channels,
            module.out_channels,
            module.kernel_size,  # type: ignore[arg-type]
            module.stride,  # type: ignore[arg-type]
            padding_of(module),  # type: ignore[arg-type]
            module.dilation,  # type: ignore[arg-type]
            module.groups,
            module.bias is not None,
            **options,
        )
    else:
        linear = XnorLinear if binary_inputs else BinaryWeightLinear
        binary = linear(module.in_features, module.out_features, module.bias is not None, **options)
    binary.weight = module.weight
    binary.bias = module.bias
    return binary


def _norm_for(module: Any) -> nn.Module:
    if isinstance(module, nn.Conv2d):
        return nn.BatchNorm2d(module.in_channels)
    return LastAxisNorm(module.in_features)
