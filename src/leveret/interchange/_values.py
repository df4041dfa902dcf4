"""Functions of values, norms, softmax, and what puts values together."""

from __future__ import annotations

from typing import Any

from leveret.interchange._graph import OnnxGraph

__all__ = [
    "channel_max",
    "channel_mean",
    "channel_norm",
    "clip",
    "concat",
    "embedding",
    "function",
    "group_norm",
    "layer_norm",
    "log_softmax",
    "multiply",
    "softmax",
]

# the operators of one name here and there
_FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "abs": ("Abs", {}),
    "elu": ("Elu", {}),
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hardswish": ("HardSwish", {}),
    "mish": ("Mish", {}),
    "sigmoid": ("Sigmoid", {}),
    "softplus": ("Softplus", {}),
    "tanh": ("Tanh", {}),
}


def function(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    name = op.values["function"]
    if name == "silu":
        return g.node("Mul", inputs[0], g.node("Sigmoid", inputs[0]))
    kind, attributes = _FUNCTIONS[name]
    return g.node(kind, inputs[0], **attributes)


def clip(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("Clip", inputs[0], *(g.constant(bound, op.values[bound]) for bound in ("low", "high")))


def concat(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("Concat", *inputs, axis=1)


def multiply(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("Mul", *inputs)


def divide(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("Div", *inputs)


def channel_mean(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("ReduceMean", inputs[0], g.whole("axes", 1))


def channel_max(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("ReduceMax", inputs[0], g.whole("axes", 1))


def channel_norm(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("ReduceL2", inputs[0], g.whole("axes", 1))


def softmax(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("Softmax", inputs[0], axis=1)


def log_softmax(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("LogSoftmax", inputs[0], axis=1)


def embedding(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """Ids `(n, length)` to an image of height 1."""
    rows = g.node("Gather", g.constant("weight", op.arrays["weight"]), inputs[0])
    return g.node("Unsqueeze", g.node("Transpose", rows, perm=[0, 2, 1]), g.whole("axes", 2))


def layer_norm(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return _scaled(g, op, _normed(g, op, inputs[0], 1))


def group_norm(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    groups = g.node("Reshape", inputs[0], g.whole("shape", 0, op.values["groups"], -1))
    y = _normed(g, op, groups, 2)
    return _scaled(g, op, g.node("Reshape", y, g.whole("shape", 0, *op.output.shape)))


def _normed(g: OnnxGraph, op: Any, x: str, axis: int) -> str:
    axes = g.whole("axes", axis)
    x = g.node("Sub", x, g.node("ReduceMean", x, axes))
    variance = g.node("ReduceMean", g.node("Mul", x, x), axes)
    return g.node("Div", x, g.node("Sqrt", g.node("Add", variance, g.constant("eps", op.values["eps"]))))


def _scaled(g: OnnxGraph, op: Any, x: str) -> str:
    for role, kind in (("scale", "Mul"), ("shift", "Add")):
        if role in op.arrays:
            x = g.node(kind, x, g.per_channel(role, op.arrays[role], len(op.output.size)))
    return x
