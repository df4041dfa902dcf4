"""Rules for what has no large weights: normalisation, activations, arithmetic, pooling, shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from leveret.packing._lower import Lowering, Ref, lowers
from leveret.packing._rules_layers import _pair


def batch_norm_steps(
    weight: torch.Tensor | None, bias: torch.Tensor | None, mean: torch.Tensor, variance: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift of BatchNorm in evaluation, with the roundings that torch's CPU kernel makes."""
    scale = torch.rsqrt(variance.float() + eps)
    if weight is not None:
        scale = weight.float() * scale
    shift = -mean.double() * scale.double()
    if bias is not None:
        shift = shift + bias.double()
    return scale, shift.float()


@lowers("batch_norm", "_native_batch_norm_legit_no_training")
def batch_norm(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["input"]
    if a.get("training"):
        raise state.error("in training mode")
    scale, shift = batch_norm_steps(a["weight"], a["bias"], a["running_mean"], a["running_var"], a["eps"])
    wide = (-1, 1, 1) if ref.is_image else (-1,)
    arrays = {
        "scale": state.per_channel(scale.view(wide), ref),
        "shift": state.per_channel(shift.view(wide), ref),
    }
    return state.emit("affine", [ref], {}, arrays, order=ref.order)


def _affine(state: Lowering, ref: Ref, **constants: Any) -> Ref:
    arrays = {role: state.per_channel(value, ref) for role, value in constants.items()}
    return replace(state.emit("affine", [ref], {}, arrays, order=ref.order), double=ref.double)


@lowers("add", "sub")
def add(state: Lowering, a: dict[str, Any]) -> Ref:
    first, second = a["self"], a["other"]
    sign = a.get("alpha", 1) * (-1 if state.operator == "sub" else 1)
    if isinstance(first, Ref) and isinstance(second, Ref):
        if first.shape != second.shape or first.order != second.order:
            raise state.error(f"of shapes {first.shape} and {second.shape}")
        if sign != 1:
            second = _affine(state, second, scale=float(sign))
        return state.emit("affine", [first, second], order=first.order)
    if isinstance(first, Ref):
        return _affine(state, first, shift=torch.as_tensor(second) * sign)
    constant: Any = torch.as_tensor(first)
    return (
        _affine(state, second, shift=constant)
        if sign == 1
        else _affine(state, second, scale=float(sign), shift=constant)
    )


@lowers("rsub")
def rsub(state: Lowering, a: dict[str, Any]) -> Ref:
    if isinstance(a["other"], Ref):
        raise state.error("of two values")
    return _affine(state, a["self"], scale=-float(a["alpha"]), shift=a["other"])


@lowers("mul")
def mul(state: Lowering, a: dict[str, Any]) -> Ref:
    first, second = a["self"], a["other"]
    if not isinstance(first, Ref):
        first, second = second, first
    if not isinstance(second, Ref):
        return _affine(state, first, scale=second)
    if first.shape[0] == 1 and second.shape[0] != 1:
        first, second = second, first
    if first.shape[1:] != second.shape[1:] or second.shape[0] not in (1, first.shape[0]):
        raise state.error(f"of shapes {first.shape} and {second.shape}")
    return state.emit("multiply", [first, second], order=first.order)


@lowers("div")
def div(state: Lowering, a: dict[str, Any]) -> Ref:
    if isinstance(a["other"], Ref):
        raise state.error("by a value")
    return _affine(state, a["self"], scale=1 / torch.as_tensor(a["other"], dtype=torch.float64))


@lowers("neg")
def neg(state: Lowering, a: dict[str, Any]) -> Ref:
    return _affine(state, a["self"], scale=-1.0)


@lowers("relu")
def relu(state: Lowering, a: dict[str, Any]) -> Ref:
    return _affine(state, a["self"], slope=0.0)


@lowers("leaky_relu")
def leaky_relu(state: Lowering, a: dict[str, Any]) -> Ref:
    return _affine(state, a["self"], slope=float(a["negative_slope"]))


@lowers("prelu")
def prelu(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, slope = a["self"], a["weight"]
    return _affine(state, ref, slope=slope.view(-1, 1, 1) if ref.is_image else slope)


@lowers("hardtanh", "clamp", "relu6")
def clip(state: Lowering, a: dict[str, Any]) -> Ref:
    low = a.get("min_val", a.get("min", 0.0))
    high = a.get("max_val", a.get("max", 6.0))
    bounds = {"low": -1e30 if low is None else float(low), "high": 1e30 if high is None else float(high)}
    return state.emit("clip", [a["self"]], bounds, order=a["self"].order)


@lowers("abs", "sigmoid", "silu", "tanh")
def function(state: Lowering, a: dict[str, Any]) -> Ref:
    return state.emit("function", [a["self"]], {"function": state.operator}, order=a["self"].order)


@lowers("gelu")
def gelu(state: Lowering, a: dict[str, Any]) -> Ref:
    if a["approximate"] != "tanh":
        raise state.error("but with approximate='tanh'")
    return state.emit("function", [a["self"]], {"function": "gelu_tanh"}, order=a["self"].order)


@lowers("dropout", "feature_dropout", "alpha_dropout", "clone", "contiguous", "detach", "alias", "lift_fresh_copy")
def same(state: Lowering, a: dict[str, Any]) -> Ref:
    if a.get("train"):
        raise state.error("in training mode")
    return a.get("self") or a["input"]


@lowers("to", "_to_copy")
def to(state: Lowering, a: dict[str, Any]) -> Ref:
    dtype = a.get("dtype")
    if dtype not in (None, torch.float32, torch.float64):
        raise state.error(f"to {dtype}")
    return a["self"] if dtype is None else replace(a["self"], double=dtype == torch.float64)


@lowers("max_pool2d")
def max_pool2d(state: Lowering, a: dict[str, Any]) -> Ref:
    attributes = {
        "kernel": _pair(a["kernel_size"]),
        "stride": _pair(a["stride"] or a["kernel_size"]),
        "padding": _pair(a["padding"]),
        "dilation": _pair(a["dilation"]),
        "ceil_mode": bool(a["ceil_mode"]),
    }
    return state.emit("max_pool2d", [a["self"]], attributes)


@lowers("avg_pool2d")
def avg_pool2d(state: Lowering, a: dict[str, Any]) -> Ref:
    if a["divisor_override"] is not None:
        raise state.error("with divisor_override")
    attributes = {
        "kernel": _pair(a["kernel_size"]),
        "stride": _pair(a["stride"] or a["kernel_size"]),
        "padding": _pair(a["padding"]),
        "ceil_mode": bool(a["ceil_mode"]),
        "count_include_pad": bool(a["count_include_pad"]),
    }
    return state.emit("avg_pool2d", [a["self"]], attributes)


@lowers("adaptive_avg_pool2d")
def adaptive_avg_pool2d(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    out = _pair(a["output_size"])
    if any(side % places for side, places in zip(ref.shape[1:], out, strict=True)):
        raise state.error(f"from {ref.shape[1:]} to {tuple(out)} places, which don't divide it")
    kernel = [side // places for side, places in zip(ref.shape[1:], out, strict=True)]
    return state.emit("avg_pool2d", [ref], {"kernel": kernel, "stride": kernel})


@lowers("mean")
def mean(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    axes = sorted(int(axis) % (len(ref.shape) + 1) for axis in a.get("dim") or [])
    if ref.is_image and axes == [2, 3]:
        if a["keepdim"]:
            whole = list(ref.shape[1:])
            return state.emit("avg_pool2d", [ref], {"kernel": whole, "stride": whole})
        return state.emit("global_avg_pool", [ref])
    if axes == [1] and a["keepdim"]:
        return state.emit("channel_mean", [ref])
    raise state.error(f"over axes {axes} of a value of shape {ref.shape}")


@lowers("cat")
def cat(state: Lowering, a: dict[str, Any]) -> Ref:
    parts = a["tensors"]
    if not all(isinstance(part, Ref) and part.order is None for part in parts):
        raise state.error("of constants or flattened images")
    if int(a["dim"]) % (len(parts[0].shape) + 1) != 1:
        raise state.error("along another axis than channels")
    return state.emit("concat", list(parts))


@lowers("view", "reshape", "flatten", "squeeze", "_unsafe_view")
def flatten(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"] if "self" in a else a["input"]
    shape = state.out_shape
    if shape == ref.shape:
        return ref
    if not ref.is_image or len(shape) != 1 or shape[0] != int(np.prod(ref.shape)):
        raise state.error(f"from {ref.shape} to {shape}: only images become rows of features")
    channels, height, width = ref.shape
    one_place = height == width == 1
    return state.emit("flatten", [ref], order=None if one_place else (channels, height, width))
