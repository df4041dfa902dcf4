"""Rules for layers with weights: convolutions, linear layers and embeddings, real and binary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from leveret.packing._draft import Turned
from leveret.packing._lower import Lowering
from leveret.packing._ref import Ref
from leveret.packing._registry import Row, lowers
from leveret.runtime.kernels import pack_bits

Arrays = dict[str, NDArray[Any]]


def down_and_across(value: Any, dims: int = 2, across: int = 1) -> list[int]:
    """A window's numbers, down and across, from what torch's operators hold; of a text `across` is the one down."""
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    if dims == 1:
        return [across, values[0]]
    return values * 2 if len(values) == 1 else values


def _turned(weight: Tensor) -> Turned:
    """How `_flat` turns filters."""
    a, b, *sides = weight.shape
    height, width = [1, *sides][-2:]
    return (a, b, height, width), (0, 2, 3, 1)


def _flat(weight: Tensor) -> NDArray[np.float32]:
    """Filters `(a, b, height, width)`, or `(a, b, length)`, to `(a, height, width, b)`."""
    whole = weight.detach().float().numpy()
    if whole.ndim == 3:
        whole = whole[:, :, None]
    return _plain_zeros(np.ascontiguousarray(whole.transpose(0, 2, 3, 1)))


def _plain_zeros(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without −0, which masks leave, and which a file couldn't leave out."""
    return weight + np.float32(0)


def _window(state: Lowering, a: dict[str, Any]) -> dict[str, Any]:
    dims = a["weight"].dim() - 2
    dilation = down_and_across(a["dilation"], dims)
    padding = a["padding"]
    if isinstance(padding, str):
        sides = [1, *a["weight"].shape[2:]][-2:]
        reach = [d * (k - 1) for d, k in zip(dilation, sides, strict=True)]
        if padding == "same" and any(r % 2 for r in reach):
            raise state.error("that pads unevenly ('same' with an even kernel): use ZeroPad2d before it")
        padding = [r // 2 for r in reach] if padding == "same" else [0, 0]
    else:
        padding = down_and_across(padding, dims, 0)
    return {
        "stride": down_and_across(a["stride"], dims),
        "padding": padding,
        "dilation": dilation,
        "groups": int(a["groups"]),
    }


def _image(state: Lowering, a: dict[str, Any], key: str) -> Ref:
    if not isinstance(a[key], Ref) or not isinstance(a["weight"], Tensor):
        raise state.error("whose weight is computed from the input")
    return state.image(a[key])


def _bias(a: dict[str, Any]) -> Arrays:
    return {} if a["bias"] is None else {"shift": a["bias"].detach().float().numpy()}


@lowers(
    "conv1d",
    "conv2d",
    row=Row(
        "`Conv2d`, `Conv1d`, `PrunedConv2d`",
        "`conv2d`",
        "any kernel, stride, padding, dilation, groups; `padding='same'` where it is even; a text is an image of "
        "height 1, and so, after a `reshape`, is an image that the kernel spans; one filter per channel has a kernel "
        "of its own; a plain 1x1 convolution whose weights are zeros for at least three quarters is a `sparse_linear`",
    ),
)
def conv(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "input")
    attributes = _window(state, a)
    if image.double:
        attributes["exact"] = True
    weight, layout = _flat(a["weight"]), ""
    if _is_as_wide(image, weight, attributes):
        # as texts are read: each line's pixels are channels of one, so that the kernel finds them side by side
        for name in ("stride", "padding", "dilation"):
            attributes[name] = [0 if name == "padding" else 1, attributes[name][0]]
        shape = (image.side("c") * image.side("w"), image.side("h"))
        image = state.emit("reshape", [image], {"size": [1, image.side("h")]}, shape=shape)
        weight, layout = weight.reshape(len(weight), 1, weight.shape[1], -1), "cwh"
    arrays = {"weight": weight, **_bias(a)}
    return state.emit("conv2d", [image], attributes, arrays, layout=layout, turned=_turned(a["weight"]))


def _is_as_wide(image: Ref, weight: NDArray[np.float32], attributes: dict[str, Any]) -> bool:
    """Whether a kernel is as wide as the image and only slides down."""
    _, height, width, _ = weight.shape
    plain = attributes["groups"] == 1 and attributes["padding"][1] == 0 and attributes["dilation"][1] == 1
    return plain and len(image.shape) == 3 and 1 < width == image.side("w") and height < image.side("h")


@lowers(
    "conv_transpose1d",
    "conv_transpose2d",
    row=Row("`ConvTranspose2d`, `ConvTranspose1d`", "`conv_transpose2d`", "with everything that torch has"),
)
def conv_transpose(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "input")
    dims = a["weight"].dim() - 2
    attributes = {
        "stride": down_and_across(a["stride"], dims),
        "padding": down_and_across(a["padding"], dims, 0),
        "output_padding": down_and_across(a["output_padding"], dims, 0),
        "dilation": down_and_across(a["dilation"], dims),
        "groups": int(a["groups"]),
    }
    return state.emit("conv_transpose2d", [image], attributes, {"weight": _flat(a["weight"]), **_bias(a)})


@lowers(
    "binary_conv2d",
    row=Row(
        "`XnorConv2d`",
        "`bits`, then `bit_conv2d`",
        "α is the epilogue's scale; a value that several layers take is turned to signs once; with "
        "`input_scale=True` also `function abs`, `channel_mean`, `conv2d` (the box) and `multiply`: "
        "K of XNOR-Net, eq. 11",
    ),
)
def binary_conv2d(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "x")
    return state.emit("bit_conv2d", [state.bits(image)], _window(state, a), {"weight": pack_bits(_flat(a["weight"]))})


@lowers(
    "binary_weight_conv2d",
    row=Row("`BinaryWeightConv2d`", "`binary_weight_conv2d`", "a bit a weight in the file, ±1 floats at work"),
)
def binary_weight_conv2d(state: Lowering, a: dict[str, Any]) -> Ref:
    image = _image(state, a, "x")
    return state.emit("binary_weight_conv2d", [image], _window(state, a), {"weight": pack_bits(_flat(a["weight"]))})


def _product(state: Lowering, a: dict[str, Any], key: str, op: str, *, bits: bool = False, binary: bool = True) -> Ref:
    """A linear layer: on rows a product, on images and texts whose last axis is the features' a 1x1 convolution."""
    ref = a[key]
    if not isinstance(ref, Ref) or not isinstance(a["weight"], Tensor):
        raise state.error("whose weight is computed from the input")
    ref = state.channels_at(ref, -1)
    weight = np.ascontiguousarray(ref.features(a["weight"].detach().float().numpy()))
    weight = weight if ref.is_row else weight[:, None, None]
    arrays: Arrays = {"weight": pack_bits(weight) if binary else _plain_zeros(weight)}
    if not binary:
        arrays |= _bias(a)
    inputs = [state.bits(ref) if bits else ref]
    kind = op if ref.is_row else op.replace("linear", "conv2d")
    return state.emit(kind, inputs, {}, arrays, layout=ref.layout, turned=ref.turned(len(weight)))


@lowers(
    "linear",
    row=Row(
        "`Linear`, `PrunedLinear`",
        "`linear`",
        "over the last axis: on images and texts with channels last a 1x1 `conv2d`; where at least three quarters of "
        "the weights are zeros, `sparse_linear`",
    ),
)
def linear(state: Lowering, a: dict[str, Any]) -> Ref:
    return _product(state, a, "input", "linear", binary=False)


@lowers("binary_linear", row=Row("`XnorLinear`", "`bits`, then `bit_linear`", "as `XnorConv2d`"))
def binary_linear(state: Lowering, a: dict[str, Any]) -> Ref:
    return _product(state, a, "x", "bit_linear", bits=True)


@lowers("binary_weight_linear", row=Row("`BinaryWeightLinear`", "`binary_weight_linear`", "as `BinaryWeightConv2d`"))
def binary_weight_linear(state: Lowering, a: dict[str, Any]) -> Ref:
    return _product(state, a, "x", "binary_weight_linear")


@lowers(
    "embedding",
    row=Row("`Embedding`", "`embedding`", "of the net's input, token ids `(n, length)`; no `max_norm`"),
)
def embedding(state: Lowering, a: dict[str, Any]) -> Ref:
    ref, weight = a["indices"], a["weight"]
    if not isinstance(ref, Ref) or not ref.ids or not isinstance(weight, Tensor):
        raise state.error("but of the net's input with a constant table")
    tokens = len(weight)
    state.vocabulary = tokens if state.vocabulary is None else min(tokens, state.vocabulary)
    return state.emit("embedding", [ref], {}, {"weight": weight.detach().float().numpy()}, layout="wc")
