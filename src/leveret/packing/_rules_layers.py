"""Rules for layers with weights: convolutions and linear layers, real and binary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from leveret.packing._lower import Lowering, Ref, lowers
from leveret.runtime.kernels import pack_bits


def _pair(value: Any) -> list[int]:
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    return values * 2 if len(values) == 1 else values


def _channels_last(weight: Tensor) -> NDArray[np.float32]:
    """`(out, in, height, width)` to `(out, height, width, in)`."""
    return np.ascontiguousarray(weight.detach().float().numpy().transpose(0, 2, 3, 1))


def _window(state: Lowering, a: dict[str, Any]) -> dict[str, Any]:
    padding = a["padding"]
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(_pair(a["dilation"]), a["weight"].shape[2:], strict=True)]
        if padding == "same" and any(r % 2 for r in reach):
            raise state.error("that pads unevenly ('same' with an even kernel)")
        padding = [r // 2 for r in reach] if padding == "same" else [0, 0]
    return {
        "stride": _pair(a["stride"]),
        "padding": _pair(padding),
        "dilation": _pair(a["dilation"]),
        "groups": int(a["groups"]),
    }


def _image(state: Lowering, a: dict[str, Any], key: str) -> Ref:
    ref = a[key]
    if not isinstance(ref, Ref) or not isinstance(a["weight"], Tensor):
        raise state.error("whose weight is computed from the input")
    if not ref.is_image:
        raise state.error(f"over a value of shape {ref.shape}")
    return ref


@lowers("conv2d")
def conv2d(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "input")
    attributes = _window(state, a)
    arrays = {"weight": _channels_last(a["weight"])}
    if a["bias"] is not None:
        arrays["shift"] = a["bias"].detach().float().numpy()
    if image.double:
        attributes["exact"] = True
    result = state.emit("conv2d", [image], attributes, arrays)
    return Ref(result.name, result.shape, double=image.double)


@lowers("binary_conv2d")
def binary_conv2d(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "x")
    weight = pack_bits(_channels_last(a["weight"]))
    return state.emit("bit_conv2d", [state.bits(image)], _window(state, a), {"weight": weight})


@lowers("binary_weight_conv2d")
def binary_weight_conv2d(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "x")
    weight = pack_bits(_channels_last(a["weight"]))
    return state.emit("binary_weight_conv2d", [image], _window(state, a), {"weight": weight})


def _row(state: Lowering, a: dict[str, Any], key: str) -> tuple[Ref, NDArray[np.float32]]:
    """The features and the weight, in the runtime's order."""
    ref = a[key]
    if not isinstance(ref, Ref) or not isinstance(a["weight"], Tensor):
        raise state.error("whose weight is computed from the input")
    if ref.is_image:
        raise state.error(f"over a value of shape {ref.shape}; flatten it first")
    return ref, np.ascontiguousarray(ref.features(a["weight"].detach().float().numpy()))


@lowers("linear")
def linear(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, weight = _row(state, a, "input")
    arrays = {"weight": weight}
    if a["bias"] is not None:
        arrays["shift"] = a["bias"].detach().float().numpy()
    return state.emit("linear", [ref], {}, arrays)


@lowers("binary_linear")
def binary_linear(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, weight = _row(state, a, "x")
    return state.emit("bit_linear", [state.bits(ref)], {}, {"weight": pack_bits(weight)})


@lowers("binary_weight_linear")
def binary_weight_linear(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, weight = _row(state, a, "x")
    return state.emit("binary_weight_linear", [ref], {}, {"weight": pack_bits(weight)})
