"""The operations of a packed net as float32 layers of PyTorch, images channels first.

Shapes are the packed net's. Values are those of its real layers alone: binary and quantised ones have the same weights,
scaled so that sums stay small, and no signs or rounding between them; what was put in channels-last order, as behind a
flattened image, is not put back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.runtime._dense import dense_weight

__all__ = ["LAYERS"]

# where the runtime's axes are in a batch of images
_PLACE = {"c": 1, "h": 2, "w": 3}


class _Epilogued(nn.Module):
    """A layer, then what its step does with sums: add a second input, shift, a leaky corner, shift."""

    before: Tensor | None
    slope: Tensor | None
    after: Tensor | None

    def __init__(self, core: nn.Module, op: Any, before: bool = True) -> None:
        super().__init__()
        self.core = core
        arrays = op.arrays
        self._constant("before", arrays.get("before") if before else None, op)
        self._constant("after", arrays.get("after"), op)
        slope = arrays.get("slope")
        self.relu = slope is not None and not slope.any()
        self.register_buffer("slope", None if slope is None or self.relu else torch.tensor(slope))

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        x = self.core(x)
        if add is not None:
            x = x + add
        if self.before is not None:
            x = x + self.before
        if self.relu:
            x = F.relu(x)
        elif self.slope is not None:
            x = F.prelu(x, self.slope)
        return x if self.after is None else x + self.after

    def _constant(self, name: str, values: Any, op: Any) -> None:
        shape = (1, -1, *(1 for _ in op.output.size))
        self.register_buffer(name, None if values is None else torch.tensor(values).reshape(shape))


class _Norm(nn.Module):
    """Scale and shift per channel as one operator, which engines fold into a convolution before it."""

    mean: Tensor
    var: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Any, shift: Any, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))
        self.register_buffer("scale", torch.ones(channels) if scale is None else torch.tensor(scale))
        self.register_buffer("shift", torch.zeros(channels) if shift is None else torch.tensor(shift))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.mean, self.var, self.scale, self.shift, eps=0.0)


class _Call(nn.Module):
    """A function of tensors as a layer."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def _weight_and_bias(op: Any) -> tuple[Any, Any, bool]:
    """Weights with the scale in them, the bias, and whether that holds the epilogue's `before` already."""
    arrays = op.arrays
    weight = dense_weight(op)
    if "weight" in arrays and arrays["weight"].dtype != np.float32:
        # else sums would grow from layer to layer
        weight = weight / np.float32(np.sqrt(weight[0].size) * max(1, np.abs(weight).max()))
    elif "scale" in arrays:
        weight = weight * arrays["scale"].reshape(-1, *(1 for _ in weight.shape[1:]))
    shifts = [arrays[role] for role in ("shift", "before") if role in arrays]
    joins = len(op.inputs) == 1
    bias = sum(shifts) if joins and shifts else arrays.get("shift")
    return weight, bias, joins


def _load(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, weight: Any, bias: Any) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))


def _convolution(op: Any) -> nn.Module:
    weight, bias, joined = _weight_and_bias(op)
    weight = weight.reshape(len(weight), *weight.shape[1:-1] or (1, 1), weight.shape[-1]).transpose(0, 3, 1, 2)
    outputs, _, *kernel = weight.shape
    window = {name: op.values[name] for name in ("stride", "padding", "dilation", "groups") if name in op.values}
    layer = nn.Conv2d(op.inputs[0].channels, outputs, tuple(kernel), bias=bias is not None, **window)
    _load(layer, weight, bias)
    return _Epilogued(layer, op, before=not joined)


def _product(op: Any) -> nn.Module:
    weight, bias, joined = _weight_and_bias(op)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    _load(layer, weight, bias)
    return _Epilogued(layer, op, before=not joined)


def _transposed(op: Any) -> nn.Module:
    v, scale, weight = op.values, op.arrays.get("scale"), op.arrays["weight"].transpose(0, 3, 1, 2)
    if scale is not None:
        # inputs of a group lead to the outputs of that group
        weight = weight * np.repeat(scale.reshape(v["groups"], -1), len(weight) // v["groups"], 0)[:, :, None, None]
    window = {name: v[name] for name in ("stride", "padding", "output_padding", "groups", "dilation")}
    bias = op.arrays.get("shift")
    kernel = weight.shape[2:]
    layer = nn.ConvTranspose2d(len(weight), op.output.channels, kernel, bias=bias is not None, **window)
    _load(layer, weight, bias)
    return _Epilogued(layer, op)


def _sparse(op: Any) -> nn.Module:
    return _convolution(op) if op.output.size else _product(op)


def _affine(op: Any) -> nn.Module:
    arrays = op.arrays
    plain = "scale" not in arrays and "shift" not in arrays
    core = nn.Identity() if plain else _Norm(arrays.get("scale"), arrays.get("shift"), op.output.channels)
    return _Epilogued(core, op)


def _max_pool(op: Any) -> nn.Module:
    v = op.values
    return nn.MaxPool2d(v["kernel"], v["stride"], v["padding"], v.get("dilation", 1), ceil_mode=v["ceil_mode"])


def _avg_pool(op: Any) -> nn.Module:
    v = op.values
    return nn.AvgPool2d(v["kernel"], v["stride"], v["padding"], v["ceil_mode"], v["count_include_pad"])


def _adaptive(op: Any) -> nn.Module:
    kind = nn.AdaptiveMaxPool2d if op.values["mode"] == "max" else nn.AdaptiveAvgPool2d
    return kind(tuple(op.values["size"]))


def _embedding(op: Any) -> nn.Module:
    weight = torch.from_numpy(np.ascontiguousarray(op.arrays["weight"]))
    return _Call(lambda ids: F.embedding(ids, weight).permute(0, 2, 1).unsqueeze(2))


def _scale_and_shift(op: Any) -> list[Tensor | None]:
    return [torch.from_numpy(op.arrays[role]) if role in op.arrays else None for role in ("scale", "shift")]


def _group_norm(op: Any) -> nn.Module:
    scale, shift = _scale_and_shift(op)
    return _Call(lambda x: F.group_norm(x, op.values["groups"], scale, shift, op.values["eps"]))


def _layer_norm(op: Any) -> nn.Module:
    scale, shift = _scale_and_shift(op)
    channels = (op.output.channels,)
    return _Call(lambda x: F.layer_norm(x.movedim(1, -1), channels, scale, shift, op.values["eps"]).movedim(-1, 1))


def _pad(op: Any) -> nn.Module:
    sides = list(zip(op.values["before"], op.values["after"], strict=True))
    down, across, channels = sides
    if not op.output.size:
        return _Call(lambda x: F.pad(x, channels, op.values["mode"], op.values["value"] or None))
    # PyTorch continues images over places alone
    mode = op.values["mode"] if channels == (0, 0) else "constant"
    pads = [*across, *down, *(channels if mode == "constant" else ())]
    return _Call(lambda x: F.pad(x, pads, mode, op.values["value"] if mode == "constant" else None))


def _pixel_shuffle(op: Any) -> nn.Module:
    return (nn.PixelUnshuffle if op.values["inverse"] else nn.PixelShuffle)(op.values["factor"])


def _reshape(op: Any) -> nn.Module:
    return _Call(lambda x: x.reshape(-1, *op.output.shape))


def _resize(op: Any) -> nn.Module:
    mode = op.values["mode"]
    corners = True if mode == "bilinear_corners" else None
    name = {"bilinear_corners": "bilinear", "nearest_exact": "nearest-exact"}.get(mode, mode)
    return _Call(lambda x: F.interpolate(x, tuple(op.output.size), mode=name, align_corners=corners))


def _slice(op: Any) -> nn.Module:
    rows, columns, channels = (
        slice(*part) for part in zip(*(op.values[name] for name in ("start", "stop", "step")), strict=True)
    )
    return _Call(lambda x: x[:, channels, rows, columns] if op.output.size else x[:, channels])


def _transpose(op: Any) -> nn.Module:
    height, width, channels = (_PLACE[axis] for axis in op.values["axes"])
    return _Call(lambda x: x.permute(0, channels, height, width))


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "mish": F.mish,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
}

LAYERS: dict[str, Callable[[Any], nn.Module]] = {
    "adaptive_pool2d": _adaptive,
    "affine": _affine,
    "avg_pool2d": _avg_pool,
    "binary_weight_conv2d": _convolution,
    "binary_weight_linear": _product,
    "bit_conv2d": _convolution,
    "bit_conv2d_to_bits": _convolution,
    "bit_flatten": lambda op: nn.Flatten(),
    "bit_linear": _product,
    "bit_linear_to_bits": _product,
    "bit_max_pool2d": _max_pool,
    "bits": lambda op: nn.Identity(),
    "byte_conv2d": _convolution,
    "byte_linear": _product,
    "channel_max": lambda op: _Call(lambda x: x.amax(1, keepdim=True)),
    "channel_mean": lambda op: _Call(lambda x: x.mean(1, keepdim=True)),
    "channel_norm": lambda op: _Call(lambda x: torch.linalg.vector_norm(x, dim=1, keepdim=True)),
    "clip": lambda op: nn.Hardtanh(op.values["low"], op.values["high"]),
    "concat": lambda op: _Call(lambda *inputs: torch.cat(inputs, 1)),
    "conv2d": _convolution,
    "conv_transpose2d": _transposed,
    "divide": lambda op: _Call(torch.div),
    "embedding": _embedding,
    "flatten": lambda op: nn.Flatten(),
    "function": lambda op: _Call(_FUNCTIONS[op.values["function"]]),
    "global_avg_pool": lambda op: _Call(lambda x: x.mean((2, 3))),
    "global_max_pool": lambda op: _Call(lambda x: x.amax((2, 3))),
    "group_norm": _group_norm,
    "int8_conv2d": _convolution,
    "int8_linear": _product,
    "layer_norm": _layer_norm,
    "linear": _product,
    "log_softmax": lambda op: nn.LogSoftmax(1),
    "max_pool2d": _max_pool,
    "multiply": lambda op: _Call(torch.mul),
    "pad": _pad,
    "pixel_shuffle": _pixel_shuffle,
    "plane_conv2d": _convolution,
    "plane_linear": _product,
    "quantize": lambda op: nn.Identity(),
    "reshape": _reshape,
    "resize": _resize,
    "slice": _slice,
    "softmax": lambda op: nn.Softmax(1),
    "sparse_linear": _sparse,
    "transpose": _transpose,
}
