"""Pooling, resizing, and what moves values about."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.interchange._graph import OnnxGraph
from leveret.runtime.ops._resize import _sources

__all__ = [
    "adaptive_pool",
    "avg_pool",
    "bit_max_pool",
    "flatten",
    "global_avg_pool",
    "global_max_pool",
    "max_pool",
    "pad",
    "pixel_shuffle",
    "reshape",
    "resize",
    "slice_",
    "transpose",
]

_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # channels


def flatten(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """To a row, channels last, as packed nets have it in memory."""
    x = g.node("Transpose", inputs[0], perm=_LAST) if op.inputs[0].size else inputs[0]
    return g.node("Flatten", x)


def reshape(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    x = g.node("Transpose", inputs[0], perm=_LAST) if op.inputs[0].size else inputs[0]
    y = g.node("Reshape", x, g.whole("shape", 0, *op.output.size, op.output.channels))
    return g.node("Transpose", y, perm=_FIRST)


def transpose(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    height, width, channels = ("_chw".index(axis) for axis in op.values["axes"])
    return g.node("Transpose", inputs[0], perm=[0, channels, height, width])


def slice_(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    axes = [2, 3, 1] if op.output.size else [1]
    parts = [op.values[name][-len(axes) :] for name in ("start", "stop")]
    step = op.values["step"][-len(axes) :]
    given = [g.whole("part", *numbers) for numbers in (*parts, axes, step)]
    return g.node("Slice", inputs[0], *given)


def pad(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    sides = []
    for height, width, channels in (op.values["before"], op.values["after"]):
        sides += [0, channels, height, width] if op.output.size else [0, channels]
    mode = {"circular": "wrap", "replicate": "edge"}.get(op.values["mode"], op.values["mode"])
    value = [g.constant("value", op.values["value"])] if mode == "constant" else []
    return g.node("Pad", inputs[0], g.whole("pads", *sides), *value, mode=mode)


def pixel_shuffle(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    factor = op.values["factor"]
    if not op.values["inverse"]:
        return g.node("DepthToSpace", inputs[0], blocksize=factor, mode="CRD")
    # ONNX's SpaceToDepth puts the channels in another order
    (height, width), channels = op.output.size, op.inputs[0].channels
    split = g.node("Reshape", inputs[0], g.whole("shape", 0, channels, height, factor, width, factor))
    joined = g.node("Transpose", split, perm=[0, 1, 3, 5, 2, 4])
    return g.node("Reshape", joined, g.whole("shape", 0, *op.output.shape))


def resize(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """By the pixels and shares that the packed net takes: engines differ in how they round places."""
    x = inputs[0]
    places = zip((2, 3), op.inputs[0].size, op.values["size"], op.values["step"], strict=True)
    for axis, side, count, step in places:
        first, second, share = _sources(side, count, step, op.values["mode"])
        y = g.node("Gather", x, g.whole("first", *first), axis=axis)
        if share is not None:
            more = g.node("Sub", g.node("Gather", x, g.whole("second", *second), axis=axis), y)
            shares = g.constant("share", share[:, None] if axis == 2 else share)
            y = g.node("Add", y, g.node("Mul", more, shares))
        x = y
    return x


def global_avg_pool(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("ReduceMean", inputs[0], g.whole("axes", 2, 3), keepdims=0)


def global_max_pool(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("ReduceMax", inputs[0], g.whole("axes", 2, 3), keepdims=0)


def max_pool(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    return g.node("MaxPool", inputs[0], **_window(op), dilations=list(op.values["dilation"]))


def bit_max_pool(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """Any sign +1, or all of them where `flip`, of those inside the image."""
    flip = op.arrays.get("flip")
    if flip is None or not flip.any():
        return g.node("MaxPool", inputs[0], **_window(op))
    turn = g.per_channel("turn", np.where(flip, -1, 1), 2)
    return g.node("Mul", g.node("MaxPool", g.node("Mul", inputs[0], turn), **_window(op)), turn)


def avg_pool(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    counted = op.values["count_include_pad"]
    y = g.node("AveragePool", inputs[0], **_window(op), count_include_pad=int(counted))
    if not counted or not op.values["ceil_mode"]:
        return y
    # windows may hang over the padding, and what hangs over isn't counted, but ONNX was told that it is padding
    reach = [
        [min(i * stride + kernel, side + 2 * padding) - i * stride for i in range(count)]
        for side, count, kernel, stride, padding in zip(
            op.inputs[0].size, op.output.size, *(op.values[n] for n in ("kernel", "stride", "padding")), strict=True
        )
    ]
    down, across = reach
    share = np.outer(down, across) / np.prod(op.values["kernel"])
    return y if (share == 1).all() else g.node("Div", y, g.constant("share", share))


def adaptive_pool(g: OnnxGraph, op: Any, inputs: list[str]) -> str:
    """One axis after the other: a mean is a product with shares, the largest one is taken part by part."""
    x = inputs[0]
    for axis, side, count in zip((2, 3), op.inputs[0].size, op.output.size, strict=True):
        parts = [(i * side // count, -(-(i + 1) * side // count)) for i in range(count)]
        if op.values["mode"] == "average":
            shares = np.zeros((count, side), np.float32)
            for i, (start, stop) in enumerate(parts):
                shares[i, start:stop] = 1 / (stop - start)
            name = g.constant("shares", shares if axis == 2 else shares.T)
            x = g.node("MatMul", name, x) if axis == 2 else g.node("MatMul", x, name)
        else:
            axes = g.whole("axes", axis)
            cut = [g.node("Slice", x, g.whole("start", a), g.whole("stop", b), axes) for a, b in parts]
            x = g.node("Concat", *(g.node("ReduceMax", part, axes) for part in cut), axis=axis)
    return x


def _window(op: Any) -> dict[str, Any]:
    """A pool's window; where its last places hang over the image (`ceil_mode`), as padding at the end."""
    v = op.values
    ends = []
    for axis, (side, count) in enumerate(zip(op.inputs[0].size, op.output.size, strict=True)):
        reach = (count - 1) * v["stride"][axis] + v.get("dilation", (1, 1))[axis] * (v["kernel"][axis] - 1) + 1
        ends.append(max(v["padding"][axis], reach - side - v["padding"][axis]))
    return {"kernel_shape": list(v["kernel"]), "strides": list(v["stride"]), "pads": [*v["padding"], *ends]}
