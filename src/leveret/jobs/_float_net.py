"""The same layers in float32, built from a packed net's graph, for other engines to run.

What is timed beside a packed net is the plain float net of the same shapes: a binary layer becomes a float one with
the same weights ±1, and the signs and thresholds before it become nothing. Its shapes are those of the packed net, and
so is its number of multiply-accumulates; its values mean nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from leveret._pixels import of_pixels
from leveret.errors import LeveretUsageError
from leveret.jobs._float_layers import LAYERS
from leveret.runtime._graph import INPUT

__all__ = ["FloatNet", "example", "float_net", "same_shapes"]


class FloatNet(nn.Module):
    """A packed net's steps as float32 layers: normalised images `(n, channels, height, width)`, or token ids
    `(n, length)`, to what the net gives.

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
            if step.op not in LAYERS:
                raise LeveretUsageError(f"step {step.name!r} ({step.op}) has no float counterpart to compare with")
            self.layers.append(LAYERS[step.op](op))

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
        self.register_buffer("mean", torch.from_numpy(of_pixels(contract.mean)).reshape(shape))
        self.register_buffer("scale", 1 / torch.from_numpy(of_pixels(contract.std)).reshape(shape))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.net((pixels.float() - self.mean) * self.scale)


def float_net(packed: Any) -> nn.Module:
    """The `FloatNet` of what the packed net takes: with its normalisation where that is pixels."""
    net = FloatNet(packed)
    return (net if packed.input.mean is None else _FromPixels(net, packed.input)).eval()


def example(contract: Any, batch: int = 2) -> Tensor:
    """Zeros that the float net of a packed one takes: pixels, normalised images or token ids."""
    dtype = torch.int64 if contract.vocabulary else torch.uint8 if contract.mean else torch.float32
    return torch.zeros(batch, *contract.shape, dtype=dtype)


def same_shapes(net: FloatNet, packed: Any, batch: int = 2) -> bool:
    """Whether each layer gives what the step of the packed net gives, in shape, on a batch of zeros."""
    found: list[tuple[int, ...]] = []
    hooks = [layer.register_forward_hook(lambda _m, _i, out: found.append(tuple(out.shape))) for layer in net.layers]
    given = example(packed.input, batch)
    with torch.inference_mode():
        net(given if packed.input.vocabulary else given.float())
    for hook in hooks:
        hook.remove()
    return found == [(batch, *op.output.shape) for op in packed.ops]
