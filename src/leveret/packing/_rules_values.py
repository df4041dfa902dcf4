"""Rules for arithmetic and activations: what works on each value by itself, or on two side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from leveret.packing._lower import Lowering
from leveret.packing._ref import Ref
from leveret.packing._registry import Row, lowers
from leveret.packing._rules_shapes import part, spread

_SMOOTH = 15  # there log(1 + exp(x)) and x, which Softplus gives above its threshold, are one float


def affine(state: Lowering, ref: Ref, **constants: Any) -> Ref:
    """Steps of the epilogue with constants."""
    arrays = {role: state.per_channel(value, ref) for role, value in constants.items()}
    return state.each("affine", ref, {}, arrays)


def _side_by_side(state: Lowering, first: Ref, second: Ref) -> tuple[Ref, Ref]:
    """Two values in one layout, whose axes are of one length or 1."""
    if len(first.shape) != len(second.shape):
        raise state.error(f"of shapes {first.shape} and {second.shape}")
    second = state.as_layout(second, first.layout)
    if first.order != second.order:
        first, second = state.in_order(first), state.in_order(second)
    if not all(a == b or 1 in (a, b) for a, b in zip(first.shape, second.shape, strict=True)):
        raise state.error(f"of shapes {first.shape} and {second.shape}")
    return first, second


@lowers(
    "add",
    "sub",
    row=Row(
        "`a + b`, `a − b`, `alpha=`; in place too; of a value and a number, or a value per channel",
        "`affine`",
        "or part of `b`'s or `a`'s epilogue; one place may stand for all",
        "expressions",
    ),
)
def add(state: Lowering, a: dict[str, Any]) -> Ref:
    first, second = a["self"], a["other"]
    sign = a.get("alpha", 1) * (-1 if state.operator == "sub" else 1)
    if isinstance(first, Ref) and isinstance(second, Ref):
        first, second = _side_by_side(state, first, second)
        shape = torch.broadcast_shapes(first.shape, second.shape)
        first, second = spread(state, first, shape), spread(state, second, shape)
        if sign != 1:
            second = affine(state, second, scale=float(sign))
        return state.emit("affine", [first, second], shape=first.shape, layout=first.layout, order=first.order)
    if isinstance(first, Ref):
        return affine(state, first, shift=torch.as_tensor(second) * sign)
    constant: Any = torch.as_tensor(first)
    return (
        affine(state, second, shift=constant) if sign == 1 else affine(state, second, scale=float(sign), shift=constant)
    )


@lowers("rsub", row=Row("`c − a` with c a number or a value per channel", "`affine`", "", "expressions"))
def rsub(state: Lowering, a: dict[str, Any]) -> Ref:
    if isinstance(a["other"], Ref):
        raise state.error("of two values")
    return affine(state, a["self"], scale=-float(a["alpha"]), shift=a["other"])


@lowers(
    "mul",
    row=Row(
        "`a * b`; `a * c` with c a number or a value per channel",
        "`multiply`; `affine`",
        "one of them may have one channel or one place for all, as in squeeze-and-excitation",
        "expressions",
    ),
)
def mul(state: Lowering, a: dict[str, Any]) -> Ref:
    first, second = a["self"], a["other"]
    if not isinstance(first, Ref):
        first, second = second, first
    if not isinstance(second, Ref):
        return affine(state, first, scale=second)
    return product(state, first, second)


def product(state: Lowering, first: Ref, second: Ref) -> Ref:
    """Of two values. What was repeated over all places only for this is taken as it was."""
    if first.shape == second.shape:
        if first in state.narrow:
            first, second = second, first
        second = state.narrow.get(second, second)
    first, second = _side_by_side(state, first, second)
    if any(a < b for a, b in zip(first.shape, second.shape, strict=True)):
        first, second = second, first
    return _two(state, "multiply", first, second)


def _two(state: Lowering, op: str, first: Ref, second: Ref) -> Ref:
    """An operation whose second input may have one channel, or one place, for all."""
    first = spread(state, first, torch.broadcast_shapes(first.shape, second.shape))
    return state.emit(op, [first, second], shape=first.shape, layout=first.layout, order=first.order)


@lowers("pow", "square", row=Row("`a ** 2`", "`multiply`", "no other power", "expressions"))
def power(state: Lowering, a: dict[str, Any]) -> Ref:
    exponent = a.get("exponent", 2)
    if not isinstance(a["self"], Ref) or exponent != 2:
        got = exponent if isinstance(exponent, int | float) else "a value"
        raise state.error(f"but of 2, got {got}; of 3 and more, write a product: x * x * x")
    return product(state, a["self"], a["self"])


@lowers(
    "div",
    row=Row(
        "`a / b`; `a / c` with c a number or a value per channel",
        "`divide`; `affine`",
        "b may have one channel or one place for all; not `c / b`",
        "expressions",
    ),
)
def div(state: Lowering, a: dict[str, Any]) -> Ref:
    first, second = a["self"], a["other"]
    if a.get("rounding_mode") is not None:
        raise state.error("that rounds")
    if not isinstance(second, Ref):
        return affine(state, first, scale=1 / torch.as_tensor(second, dtype=torch.float64))
    if not isinstance(first, Ref):
        raise state.error("of a constant by a value")
    if first.shape == second.shape:
        # what was repeated over all channels or places only for this, as F.normalize does
        second = state.narrow.get(second, second)
    return _two(state, "divide", *_side_by_side(state, first, second))


@lowers("neg", row=Row("`−a`", "`affine`", "", "expressions"))
def neg(state: Lowering, a: dict[str, Any]) -> Ref:
    return affine(state, a["self"], scale=-1.0)


@lowers("relu", row=Row("`ReLU`", "nothing, or `affine`", "part of an epilogue, or `affine`"))
def relu(state: Lowering, a: dict[str, Any]) -> Ref:
    return affine(state, a["self"], slope=0.0)


@lowers("leaky_relu", row=Row("`LeakyReLU`", "nothing, or `affine`", "as `ReLU`"))
def leaky_relu(state: Lowering, a: dict[str, Any]) -> Ref:
    return affine(state, a["self"], slope=float(a["negative_slope"]))


@lowers(
    "prelu",
    row=Row("`PReLU`, `RPReLU`, `LearnedShift`", "nothing, or `affine`", "as `ReLU`; a shift before a sign is folded"),
)
def prelu(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, slope = a["self"], a["weight"]
    if slope.numel() > 1:
        ref = state.channels_at(ref, 0)
    return affine(state, ref, slope=slope.view(-1, *[1] * (len(ref.shape) - 1)))


@lowers(
    "hardtanh",
    "clamp",
    "clamp_max",
    "clamp_min",
    "relu6",
    row=Row("`ReLU6`, `Hardtanh`, `clamp` with numbers", "`clip`"),
)
def clip(state: Lowering, a: dict[str, Any]) -> Ref:
    six = state.operator == "relu6"
    low = a.get("min_val", a.get("min", 0.0 if six else None))
    high = a.get("max_val", a.get("max", 6.0 if six else None))
    if isinstance(low, torch.Tensor | Ref) or isinstance(high, torch.Tensor | Ref):
        raise state.error("but with numbers")
    bounds = {"low": -1e30 if low is None else float(low), "high": 1e30 if high is None else float(high)}
    return state.each("clip", a["self"], bounds)


def _function(state: Lowering, ref: Ref, name: str) -> Ref:
    return state.each("function", ref, {"function": name})


@lowers(
    "abs",
    "hardsigmoid",
    "hardswish",
    "mish",
    "sigmoid",
    "silu",
    "tanh",
    row=Row("`Sigmoid`, `Tanh`, `SiLU`, `Hardswish`, `Hardsigmoid`, `Mish`, `abs`", "`function`"),
)
def function(state: Lowering, a: dict[str, Any]) -> Ref:
    return _function(state, a["self"], state.operator)


@lowers("gelu", row=Row("`GELU`", "`function`", "exact, or `approximate='tanh'`"))
def gelu(state: Lowering, a: dict[str, Any]) -> Ref:
    return _function(state, a["self"], "gelu_tanh" if a["approximate"] == "tanh" else "gelu")


@lowers("softplus", row=Row("`Softplus`", "`function`", "between two `affine` where beta isn't 1"))
def softplus(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, beta = a["self"], float(a["beta"])
    if float(a["threshold"]) < _SMOOTH:
        raise state.error(f"with a threshold below {_SMOOTH}, where it has a step: leave the threshold out")
    if beta == 1:
        return _function(state, ref, "softplus")
    return affine(state, _function(state, affine(state, ref, scale=beta), "softplus"), scale=1 / beta)


@lowers("elu", "celu", "selu", row=Row("`ELU`, `CELU`, `SELU`", "`function`, then `affine`"))
def elu(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    if state.operator == "celu":
        alpha = float(a["alpha"])
        if alpha <= 0:
            raise state.error(f"with an alpha of {alpha:g}: it must be above 0")
        return affine(state, _function(state, affine(state, ref, scale=1 / alpha), "elu"), scale=alpha)
    if state.operator == "selu":
        alpha, scale = 1.6732632423543772, 1.0507009873554805  # Klambauer et al., 2017, eq. 14
    else:
        alpha, scale = float(a["alpha"]), float(a["scale"])
        if a["input_scale"] != 1:
            raise state.error("with an input_scale")
    y = _function(state, ref, "elu")
    y = y if alpha == 1 else affine(state, y, slope=alpha)
    return y if scale == 1 else affine(state, y, scale=scale)


@lowers("glu", row=Row("`GLU`", "`slice`, `function`, `multiply`"))
def glu(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    axis = ref.axis(a["dim"])
    half = ref.shape[axis] // 2 if axis >= 0 else 0
    value, gate = part(state, ref, axis, 0, half), part(state, ref, axis, half, 2 * half)
    return product(state, value, _function(state, gate, "sigmoid"))


@lowers(
    "alias",
    "alpha_dropout",
    "clone",
    "contiguous",
    "detach",
    "dropout",
    "feature_alpha_dropout",
    "feature_dropout",
    "lift_fresh_copy",
    row=Row("`Dropout` of any kind, `Identity`, `clone`, `contiguous`, `detach`", "nothing"),
)
def same(state: Lowering, a: dict[str, Any]) -> Ref:
    if a.get("train"):
        raise state.error("in training mode")
    return a.get("self") or a["input"]


@lowers(
    "to",
    "_to_copy",
    row=Row(
        "`float`, `double`, `to` of either", "nothing", "a convolution in float64, as `ExactConv2d` has it, is `exact`"
    ),
)
def to(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, dtype = a["self"], a.get("dtype")
    allowed = (None, torch.int64, torch.int32) if ref.ids else (None, torch.float32, torch.float64)
    if dtype not in allowed:
        raise state.error(f"to {dtype}")
    return ref if dtype is None or ref.ids else replace(ref, double=dtype == torch.float64)
