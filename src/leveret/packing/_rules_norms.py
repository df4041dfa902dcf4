"""Rules for norms and softmax."""

from __future__ import annotations

from typing import Any

import torch

from leveret.packing._lower import Lowering
from leveret.packing._ref import Ref
from leveret.packing._registry import Row, lowers
from leveret.packing._rules_shapes import viewed


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


def _along_channels(values: torch.Tensor, ref: Ref) -> torch.Tensor:
    """A value per channel, shaped to stand beside a sample whose first axis is channels."""
    return values.view(-1, *[1] * (len(ref.shape) - 1))


@lowers(
    "batch_norm",
    "_native_batch_norm_legit_no_training",
    row=Row("`BatchNorm1d`, `BatchNorm2d`", "nothing, or `affine`", "folded, see below; needs running statistics"),
)
def batch_norm(state: Lowering, a: dict[str, Any]) -> Ref:
    if a.get("training"):
        raise state.error("in training mode, or without running statistics")
    ref = state.channels_at(a["input"], 0)
    scale, shift = batch_norm_steps(a["weight"], a["bias"], a["running_mean"], a["running_var"], a["eps"])
    arrays = {
        "scale": state.per_channel(_along_channels(scale, ref), ref),
        "shift": state.per_channel(_along_channels(shift, ref), ref),
    }
    return state.each("affine", ref, {}, arrays)


@lowers("group_norm", row=Row("`GroupNorm`", "`group_norm`", "its scale and shift are not folded further"))
def group_norm(state: Lowering, a: dict[str, Any]) -> Ref:
    ref = state.channels_at(state.in_order(a["input"]), 0)
    arrays = {
        role: state.per_channel(_along_channels(a[key], ref), ref)
        for role, key in (("scale", "weight"), ("shift", "bias"))
        if a[key] is not None
    }
    return state.each("group_norm", ref, {"groups": int(a["num_groups"]), "eps": float(a["eps"])}, arrays)


@lowers(
    "layer_norm",
    row=Row(
        "`LayerNorm`",
        "`layer_norm`",
        "over the last axis; over all axes a `group_norm`, whose scale and shift may not differ from place to place",
    ),
)
def layer_norm(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["input"]
    axes = len(a["normalized_shape"])
    if axes not in (1, len(ref.shape)):
        raise state.error(f"over {axes} axes of a value of shape {ref.shape}: over the last alone, or all")
    if axes == 1:
        ref = state.channels_at(ref, -1)
    arrays = {
        role: state.per_channel(a[key], ref)
        for role, key in (("scale", "weight"), ("shift", "bias"))
        if a[key] is not None
    }
    eps = {"eps": float(a["eps"])}
    if axes == 1:
        return state.each("layer_norm", ref, eps, arrays)
    return state.each("group_norm", ref, {"groups": 1, **eps}, arrays)


@lowers("softmax", "_softmax", row=Row("`Softmax`", "`softmax`", "over any axis but the batch"))
def softmax(state: Lowering, a: dict[str, Any]) -> Ref:
    return _shares(state, a, "softmax")


@lowers("log_softmax", "_log_softmax", row=Row("`LogSoftmax`", "`log_softmax`", "over any axis but the batch"))
def log_softmax(state: Lowering, a: dict[str, Any]) -> Ref:
    return _shares(state, a, "log_softmax")


def _shares(state: Lowering, a: dict[str, Any], op: str) -> Ref:
    ref: Ref = a["self"]
    axis = ref.axis(a["dim"])
    if axis < 0:
        raise state.error("over the samples of a batch")
    return state.each(op, state.channels_at(ref, axis))


@lowers(
    "linalg_vector_norm",
    "norm",
    row=Row(
        "`x.norm(dim=1)`, `F.normalize`, `CosineLinear`",
        "`channel_norm`; `clip`, `divide`",
        "of order 2, over one axis but the batch, with and without `keepdim`",
    ),
)
def vector_norm(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    order = a.get("ord", a.get("p"))
    if order is not None and order != 2:
        raise state.error(f"of order {order}: of 2 alone")
    dims = a.get("dim")
    axes = {ref.axis(dim) for dim in (dims if isinstance(dims, list | tuple) else [] if dims is None else [dims])}
    if not axes or -1 in axes:
        raise state.error("over the samples of a batch")
    if len(axes) > 1:
        raise state.error("over several axes: flatten them to one before it")
    axis = axes.pop()
    ref = state.channels_at(ref, axis)
    shape = (*ref.shape[:axis], 1, *ref.shape[axis + 1 :])
    length = state.emit("channel_norm", [ref], shape=shape, layout=ref.layout)
    return length if a.get("keepdim") else viewed(state, length, (*shape[:axis], *shape[axis + 1 :]))
