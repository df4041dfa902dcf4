"""Rules for layers on bytes, as `leveret.quantize` makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.packing._lower import Lowering
from leveret.packing._planes import pack_planes, smallest_encoding
from leveret.packing._ref import Ref
from leveret.packing._registry import Row, lowers
from leveret.packing._rules_layers import Arrays, _flat, _image, _window


@lowers(
    "int8_conv",
    row=Row(
        "`Int8Conv2d`, `Int8Conv1d`, `LowBitConv2d`",
        "`quantize`, then `int8_conv2d`, or `plane_conv2d` where planes of bits hold the weights in fewer bytes",
        "steps and bias are the epilogue's scale and shift; a value that several layers take with one step is "
        "quantised once; bounds before it, as of `ReLU6`, become its lowest and highest level",
    ),
)
def int8_conv(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _quantized(state, _image(state, a, "x"), a)
    return _emit(state, "conv2d", image, _window(state, a), _flat(a["weight"]).astype(np.int8), a)


@lowers(
    "int8_linear",
    row=Row(
        "`Int8Linear`, `LowBitLinear`",
        "`quantize`, then `int8_linear` or `plane_linear`",
        "as `Int8Conv2d`; over the last axis, as `Linear`",
    ),
)
def int8_linear(state: Lowering, a: dict[str, Any]) -> Ref:
    if not isinstance(a["x"], Ref):
        raise state.error("whose weight is computed from the input")
    ref = _quantized(state, state.channels_at(a["x"], -1), a)
    weight, kind = np.ascontiguousarray(ref.features(a["weight"].numpy())), "linear"
    if not ref.is_row:
        weight, kind = weight[:, None, None], "conv2d"
    return _emit(state, kind, ref, {}, weight, a, layout=ref.layout)


def _emit(
    state: Lowering,
    kind: str,
    ref: Ref,
    attributes: dict[str, Any],
    weight: NDArray[np.int8],
    a: dict[str, Any],
    layout: str = "",
) -> Ref:
    """A layer on whole numbers: its weights in planes of bits where they are smaller so, else in bytes."""
    arrays: Arrays = {"weight": weight}
    op = f"int8_{kind}"
    encoding, bits = smallest_encoding(weight)
    if bits * 8 * -(-weight.shape[-1] // 64) < weight.shape[-1]:
        arrays, op = {"weight": pack_planes(weight, encoding, bits)}, f"plane_{kind}"
        attributes = {**attributes, "encoding": encoding}
    return state.emit(op, [ref], attributes, {**arrays, **_sides(a)}, layout=layout)


def _quantized(state: Lowering, ref: Ref, a: dict[str, Any]) -> Ref:
    """A value in whole steps; the same steps of the same value are taken once."""
    low, high = a["levels"].tolist()
    attributes = {"step": float(a["step"].float()), "low": low, "high": high}
    for step in state.draft.steps:
        if step.op == "quantize" and step.inputs == [ref.name] and step.attributes == attributes:
            return replace(ref, name=step.name)
    name = state.draft.add(f"{state.step}.quantized", "quantize", [ref.name], attributes)
    return replace(ref, name=name)


def _sides(a: dict[str, Any]) -> Arrays:
    return {"scale": a["scale"].float().numpy(), "shift": a["shift"].float().numpy()}
