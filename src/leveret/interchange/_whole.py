"""Quantised values, and products of whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.interchange._graph import OnnxGraph
from leveret.interchange._layers import epilogue, window_of
from leveret.runtime._dense import dense_weight

__all__ = ["quantize", "whole_conv", "whole_product"]


def quantize(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """`clamp(round(x / step), low, high)` as uint8: 128 more where it may be negative."""
    zero, low, high = _zero(op.output), op.values["low"], op.values["high"]
    point = g.constant("zero_point", zero, np.uint8)
    y = g.node("QuantizeLinear", inputs[0], g.constant("step", op.values["step"]), point)
    if (low + zero, high + zero) == (0, 255):
        return y
    low, high = (g.constant(role, n + zero, np.uint8) for role, n in (("low", low), ("high", high)))
    return g.node("Clip", y, low, high)


def whole_conv(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    weight = dense_weight(op).astype(np.int64).transpose(0, 3, 1, 2)
    return epilogue(g, op, _sums(g, op, inputs[0], weight, "Conv", window_of(op)), inputs[1:])


def whole_product(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return epilogue(g, op, _sums(g, op, inputs[0], dense_weight(op).astype(np.int64).T, "MatMul", {}), inputs[1:])


def _sums(g: OnnxGraph, op: Any, x: str, weight: NDArray[Any], kind: str, window: dict[str, Any]) -> str:
    """In whole numbers where the weights are of one byte, else in floats that hold them; then as float32."""
    zero = _zero(op.inputs[0])
    if weight.min() >= -128 and weight.max() <= 127:
        # unsigned weights too: ONNX Runtime's products of unsigned with signed bytes saturate on CPUs without VNNI
        unsigned = g.constant("weight", weight + 128, np.uint8)
        points = g.constant("zero_point", zero, np.uint8), g.constant("weight_zero_point", 128, np.uint8)
        return _to_float(g, g.node(f"{kind}Integer", x, unsigned, *points, **window))
    x = _to_float(g, x)
    if zero:
        x = g.node("Sub", x, g.constant("zero_point", zero))
    return g.node(kind, x, g.constant("weight", weight), **window)


def _to_float(g: OnnxGraph, x: str) -> str:
    return g.node("Cast", x, to=1)  # TensorProto.FLOAT


def _zero(value: Any) -> int:
    """The byte that stands for 0."""
    return 128 if value.levels[0] < 0 else 0
