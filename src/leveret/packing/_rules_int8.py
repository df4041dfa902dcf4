"""Rules for layers on bytes, as `leveret.quantize` makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from leveret.packing._lower import Lowering
from leveret.packing._ref import Ref
from leveret.packing._registry import Row, lowers
from leveret.packing._rules_layers import Arrays, _flat, _image, _window


@lowers(
    "int8_conv",
    row=Row(
        "`Int8Conv2d`, `Int8Conv1d`",
        "`quantize`, then `int8_conv2d`",
        "steps and bias are the epilogue's scale and shift; a value that several layers take with one step is "
        "quantised once; bounds before it, as of `ReLU6`, become its lowest and highest level",
    ),
)
def int8_conv(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _quantized(state, _image(state, a, "x"), a)
    weight = _flat(a["weight"]).astype(np.int8)
    return state.emit("int8_conv2d", [image], _window(state, a), {"weight": weight, **_sides(a)})


@lowers(
    "int8_linear",
    row=Row("`Int8Linear`", "`quantize`, then `int8_linear`", "as `Int8Conv2d`; over the last axis, as `Linear`"),
)
def int8_linear(state: Lowering, a: dict[str, Any]) -> Ref:
    if not isinstance(a["x"], Ref):
        raise state.error("whose weight is computed from the input")
    ref = _quantized(state, state.channels_at(a["x"], -1), a)
    weight, op = np.ascontiguousarray(ref.features(a["weight"].numpy())), "int8_linear"
    if not ref.is_row:
        weight, op = weight[:, None, None], "int8_conv2d"
    return state.emit(op, [ref], {}, {"weight": weight, **_sides(a)}, layout=ref.layout)


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
