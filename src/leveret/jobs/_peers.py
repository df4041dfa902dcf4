"""The same layers in float32, built from a packed net's graph, for other engines to run.

What is timed beside a packed net is the plain float net of the same shapes: a binary layer becomes a float one with
the same weights ±1, and the signs and thresholds before it become nothing. Its shapes are those of the packed net, and
so is its number of multiply-accumulates; its values mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.runtime import kernels
from leveret.runtime._graph import INPUT

__all__ = ["FloatNet", "float_net", "same_shapes"]


class FloatNet(nn.Module):
    """A packed net's steps as float32 layers: normalised images `(n, channels, height, width)` to `(n, classes)`.

    Raises:
        LeveretUsageError: a step has no float counterpart; names it.
    """

    def __init__(self, packed: Any) -> None:
        super().__init__()
        self.steps = [(step.name, tuple(step.inputs)) for step in packed.graph.steps]
        last = {name: i for i, step in enumerate(packed.graph.steps) for name in step.inputs}
        self.free = [[name for name, i in last.items() if i == at] for at in range(len(self.steps))]
        self.layers = nn.ModuleList()
        for step, op in zip(packed.graph.steps, packed.ops, strict=True):
            if step.op not in _LAYERS:
                raise LeveretUsageError(f"step {step.name!r} ({step.op}) has no float counterpart to compare with")
            self.layers.append(_LAYERS[step.op](op))

    def forward(self, x: Tensor) -> Tensor:
        values = {INPUT: x}
        for (name, inputs), free, layer in zip(self.steps, self.free, self.layers, strict=True):
            values[name] = layer(*[values[i] for i in inputs])
            for unneeded in free:
                del values[unneeded]
        return values[name]


class _FromPixels(nn.Module):
    """A net with the input contract's normalisation before it: takes uint8 pixels."""

    mean: Tensor
    scale: Tensor

    def __init__(self, net: nn.Module, contract: Any) -> None:
        super().__init__()
        self.net = net
        shape = (1, -1, 1, 1)
        self.register_buffer("mean", 255 * torch.tensor(contract.mean).reshape(shape))
        self.register_buffer("scale", 1 / (255 * torch.tensor(contract.std).reshape(shape)))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.net((pixels.float() - self.mean) * self.scale)


def float_net(packed: Any) -> nn.Module:
    """The `FloatNet` of what the packed net takes: with its normalisation where that is pixels."""
    net = FloatNet(packed)
    return (net if packed.input.mean is None else _FromPixels(net, packed.input)).eval()


def same_shapes(net: FloatNet, packed: Any, batch: int = 2) -> bool:
    """Whether each layer gives what the step of the packed net gives, in shape, on a batch of zeros."""
    found: list[tuple[int, ...]] = []
    hooks = [layer.register_forward_hook(lambda _m, _i, out: found.append(tuple(out.shape))) for layer in net.layers]
    with torch.inference_mode():
        net(torch.zeros(batch, *packed.input.shape))
    for hook in hooks:
        hook.remove()
    return found == [(batch, *op.output.shape) for op in packed.ops]


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
    weight = arrays["weight"]
    if weight.dtype == np.uint64:
        groups = op.values.get("groups", 1)
        weight = kernels.unpack_bits(weight, op.inputs[0].channels // groups)
        weight = weight / np.float32(np.sqrt(weight[0].size))  # else sums would grow from layer to layer
    elif "scale" in arrays:
        weight = weight * arrays["scale"].reshape(-1, *(1 for _ in weight.shape[1:]))
    shifts = [arrays[role] for role in ("shift", "before") if role in arrays]
    joins = len(op.inputs) == 1
    bias = sum(shifts) if joins and shifts else arrays.get("shift")
    return weight, bias, joins


def _load(layer: nn.Conv2d | nn.Linear, weight: Any, bias: Any) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))


def _convolution(op: Any) -> nn.Module:
    weight, bias, joined = _weight_and_bias(op)
    weight = weight.transpose(0, 3, 1, 2)
    outputs, _, *kernel = weight.shape
    window = {name: op.values[name] for name in ("stride", "padding", "dilation", "groups")}
    layer = nn.Conv2d(op.inputs[0].channels, outputs, tuple(kernel), bias=bias is not None, **window)
    _load(layer, weight, bias)
    return _Epilogued(layer, op, before=not joined)


def _product(op: Any) -> nn.Module:
    weight, bias, joined = _weight_and_bias(op)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    _load(layer, weight, bias)
    return _Epilogued(layer, op, before=not joined)


def _affine(op: Any) -> nn.Module:
    arrays = op.arrays
    plain = "scale" not in arrays and "shift" not in arrays
    core = nn.Identity() if plain else _Norm(arrays.get("scale"), arrays.get("shift"), op.output.channels)
    return _Epilogued(core, op)


def _max_pool(op: Any) -> nn.Module:
    v = op.values
    return nn.MaxPool2d(v["kernel"], v["stride"], v["padding"], v["dilation"], ceil_mode=v["ceil_mode"])


def _avg_pool(op: Any) -> nn.Module:
    v = op.values
    return nn.AvgPool2d(v["kernel"], v["stride"], v["padding"], v["ceil_mode"], v["count_include_pad"])


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "tanh": torch.tanh,
}

_LAYERS: dict[str, Callable[[Any], nn.Module]] = {
    "affine": _affine,
    "avg_pool2d": _avg_pool,
    "binary_weight_conv2d": _convolution,
    "binary_weight_linear": _product,
    "bit_conv2d": _convolution,
    "bit_conv2d_to_bits": _convolution,
    "bit_linear": _product,
    "bits": lambda op: nn.Identity(),
    "channel_mean": lambda op: _Call(lambda x: x.mean(1, keepdim=True)),
    "clip": lambda op: nn.Hardtanh(op.values["low"], op.values["high"]),
    "concat": lambda op: _Call(lambda *inputs: torch.cat(inputs, 1)),
    "conv2d": _convolution,
    "flatten": lambda op: nn.Flatten(),
    "function": lambda op: _Call(_FUNCTIONS[op.values["function"]]),
    "global_avg_pool": lambda op: _Call(lambda x: x.mean((2, 3))),
    "linear": _product,
    "max_pool2d": _max_pool,
    "multiply": lambda op: _Call(torch.mul),
}
