"""`binarize`: the transform that replaces a net's convolutions and linear layers by binary ones."""

from __future__ import annotations

import copy
from typing import Any, Literal

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import Chosen, check_unshared, choose_layers, replaced
from leveret.shrink._windows import padding_of, pads_unevenly
from leveret.shrink.binary._layers import (
    BinaryWeightConv2d,
    BinaryWeightLinear,
    InputGradient,
    WeightGradient,
    XnorConv2d,
    XnorLinear,
)

__all__ = ["binarize"]

Kind = Literal["xnor", "weights"]


def binarize(
    net: nn.Module,
    kind: Kind = "xnor",
    *,
    layers: Chosen = None,
    keep_first: bool = True,
    keep_last: bool = True,
    input_norm: bool | None = None,
    input_scale: bool = False,
    weight_scale: bool = True,
    weight_gradient: WeightGradient = "paper",
    input_gradient: InputGradient = "clipped",
    inplace: bool = False,
) -> nn.Module:
    """Give back `net` with its Conv2d and Linear layers binary; their real weights and biases are carried over.

    Args:
        net: any module. Layers are found by type, exactly `nn.Conv2d` and `nn.Linear`.
        kind: "xnor" (inputs and weights are signs) or "weights" (weights alone).
        layers: which to convert: names or glob patterns as in `net.named_modules()` ("features.*"), or a function
            of name and module. Without it all but the first and the last, as in the paper (section 4).
        keep_first, keep_last: leave the first or last Conv2d/Linear real, in the order in which the net registers
            them; only looked at where `layers` is None.
        input_norm: put a BatchNorm before each sign, the paper's block order. Default: yes for "xnor", no for
            "weights". Say no if the net normalises there already.
        input_scale: multiply by K (XNOR-Net, eq. 11).
        weight_scale, weight_gradient, input_gradient: see the binary layers.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretUsageError: nothing was chosen, a pattern fits no layer, or a chosen layer can't be binary
            (padding other than zeros, a weight shared between layers).

    Example:
        >>> small = binarize(net)                                  # XNOR inside, real at both ends
        >>> small = binarize(net, "weights", layers=["features.*"])
    """
    if kind not in ("xnor", "weights"):
        raise LeveretUsageError(f"kind must be 'xnor' or 'weights', got {kind!r}")
    result = net if inplace else copy.deepcopy(net)
    chosen = choose_layers(result, layers, keep_first, keep_last, "binary")
    for name, module in chosen:
        _check(name, module)
    check_unshared(result, chosen)
    with_norm = kind == "xnor" if input_norm is None else input_norm
    options: dict[str, Any] = {"weight_scale": weight_scale, "weight_gradient": weight_gradient}
    if kind == "xnor":
        options |= {"input_scale": input_scale, "input_gradient": input_gradient}
    made = {}
    for _, module in chosen:
        binary = _binary_like(module, kind, options)
        binary.train(module.training)
        if with_norm:
            norm = _norm_for(module).to(module.weight.device, module.weight.dtype)
            norm.train(module.training)
            binary = nn.Sequential(norm, binary)
        made[module] = binary
    return replaced(result, made)


def _check(name: str, module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros":
            raise LeveretUsageError(
                f"layer {name!r} pads with {module.padding_mode!r}; a binary layer pads with zeros only"
            )
        if pads_unevenly(module):
            raise LeveretUsageError(
                f"layer {name!r} pads unevenly ('same' with an even kernel); give its padding in numbers"
            )


def _binary_like(module: Any, kind: Kind, options: dict[str, Any]) -> nn.Module:
    binary: Any
    if isinstance(module, nn.Conv2d):
        conv = XnorConv2d if kind == "xnor" else BinaryWeightConv2d
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
        linear = XnorLinear if kind == "xnor" else BinaryWeightLinear
        binary = linear(module.in_features, module.out_features, module.bias is not None, **options)
    binary.weight = module.weight
    binary.bias = module.bias
    return binary


def _norm_for(module: Any) -> nn.Module:
    if isinstance(module, nn.Conv2d):
        return nn.BatchNorm2d(module.in_channels)
    return nn.BatchNorm1d(module.in_features)
