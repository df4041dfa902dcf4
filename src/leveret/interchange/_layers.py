"""Convolutions and products as float ones, binary layers with weights of ±1; and the epilogue after them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.interchange._graph import OnnxGraph
from leveret.runtime._dense import dense_weight

__all__ = [
    "affine",
    "bit_conv_to_bits",
    "bit_product_to_bits",
    "bits",
    "conv",
    "conv_transpose",
    "epilogue",
    "product",
    "sparse",
    "window_of",
]

Array = NDArray[Any]


def epilogue(g: OnnxGraph, op: Any, x: str, add: list[str]) -> str:
    """`x · scale + shift + add + before`, a leaky corner, `+ after`: those steps that the operation has."""
    dims, arrays = len(op.output.size), op.arrays
    if "scale" in arrays and "shift" in arrays:
        channels = op.output.channels
        zeros, ones = g.constant("mean", np.zeros(channels)), g.constant("var", np.ones(channels))
        scale, shift = g.constant("scale", arrays["scale"]), g.constant("shift", arrays["shift"])
        x = g.node("BatchNormalization", x, scale, shift, zeros, ones, epsilon=0.0)
    elif "scale" in arrays:
        x = g.node("Mul", x, g.per_channel("scale", arrays["scale"], dims))
    elif "shift" in arrays:
        x = g.node("Add", x, g.per_channel("shift", arrays["shift"], dims))
    for other in add:
        x = g.node("Add", x, other)
    if "before" in arrays:
        x = g.node("Add", x, g.per_channel("before", arrays["before"], dims))
    slope = arrays.get("slope")
    if slope is not None:
        x = g.node("PRelu", x, g.per_channel("slope", slope, dims)) if slope.any() else g.node("Relu", x)
    if "after" in arrays:
        x = g.node("Add", x, g.per_channel("after", arrays["after"], dims))
    return x


def affine(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return epilogue(g, op, g.node("Identity", inputs[0]) if not op.arrays else inputs[0], inputs[1:])


def signs(g: OnnxGraph, x: str, threshold: Array, flip: Array | None, dims: int) -> str:
    """`+1` where `x >= threshold`, or `x <= threshold` where `flip`; else `−1`."""
    if flip is not None and flip.any():
        # x <= t is −x >= −t, exactly
        turn = np.where(flip, -1, 1).astype(np.float32)
        x = g.node("Mul", x, g.per_channel("turn", turn, dims))
        threshold = threshold * turn
    reached = g.node("GreaterOrEqual", x, g.per_channel("threshold", threshold, dims))
    return g.node("Where", reached, g.constant("plus", 1), g.constant("minus", -1))


def bits(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    channels, dims = op.output.channels, len(op.output.size)
    threshold = op.arrays.get("threshold", np.zeros(channels, np.float32))
    return signs(g, inputs[0], threshold, op.arrays.get("flip"), dims)


def window_of(op: Any) -> dict[str, Any]:
    """A convolution's window as ONNX names it."""
    v = op.values
    return {
        "strides": list(v["stride"]),
        "pads": [*v["padding"], *v["padding"]],
        "dilations": list(v["dilation"]),
        "group": v["groups"],
    }


def _sums(g: OnnxGraph, op: Any, x: str) -> str:
    weight = g.constant("weight", dense_weight(op).transpose(0, 3, 1, 2))
    return g.node("Conv", x, weight, **window_of(op))


def conv(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return epilogue(g, op, _sums(g, op, inputs[0]), inputs[1:])


def bit_conv_to_bits(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return signs(g, _sums(g, op, inputs[0]), op.arrays["threshold"], op.arrays["flip"], 2)


def conv_transpose(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    weight = g.constant("weight", op.arrays["weight"].transpose(0, 3, 1, 2))
    y = g.node("ConvTranspose", inputs[0], weight, output_padding=list(op.values["output_padding"]), **window_of(op))
    return epilogue(g, op, y, inputs[1:])


def _rows(g: OnnxGraph, x: str, weight: Array) -> str:
    return g.node("MatMul", x, g.constant("weight", weight.T))


def product(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return epilogue(g, op, _rows(g, inputs[0], dense_weight(op)), inputs[1:])


def bit_product_to_bits(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return signs(g, _rows(g, inputs[0], dense_weight(op)), op.arrays["threshold"], op.arrays["flip"], 0)


def sparse(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """With its zeros: ONNX has no product with pruned rows."""
    weight = dense_weight(op)
    if op.output.size:
        y = g.node("Conv", inputs[0], g.constant("weight", weight[:, :, None, None]))
    else:
        y = _rows(g, inputs[0], weight)
    return epilogue(g, op, y, inputs[1:])
