"""Derivatives of the runtime's operations: for each, the steps from its result's gradient to its inputs'."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from leveret.packing._draft import DraftStep
from leveret.packing._gradient import Spread, Tape, differentiates
from leveret.runtime import kernels
from leveret.runtime._values import Value


def _constant(channels: int, number: float) -> np.ndarray:
    return np.full(channels, number, np.float32)


def _scaled(tape: Tape, step: DraftStep, name: str, number: float) -> str:
    if number == 1:
        return name
    return tape.emit(step, "affine", [name], {}, {"scale": _constant(tape.values[name].channels, number)})


def _sum_of_channels(tape: Tape, step: DraftStep, name: str) -> str:
    return _scaled(tape, step, tape.emit(step, "channel_mean", [name]), tape.values[name].channels)


def _spread_over_channels(tape: Tape, step: DraftStep, name: str, channels: int) -> str:
    """A value of one channel, repeated in all."""
    row = not tape.values[name].size
    weight = np.ones((channels, 1) if row else (channels, 1, 1, 1), np.float32)
    return tape.emit(step, "linear" if row else "conv2d", [name], {}, {"weight": weight})


def _spread_over_places(tape: Tape, step: DraftStep, name: str, size: tuple[int, ...]) -> str:
    """A value of one place along some sides, repeated along them."""
    own = tape.values[name].size
    steps = [0.0 if n == 1 else 1.0 for n in own]
    return tape.emit(step, "resize", [name], {"size": list(size), "step": steps, "mode": "nearest"})


def _as_image(tape: Tape, step: DraftStep, name: str, like: Value) -> str:
    """A row as an image of that size; an image as a row where that is asked for."""
    if like.size:
        return tape.emit(step, "reshape", [name], {"size": list(like.size)})
    return tape.emit(step, "flatten", [name])


def _reduced(tape: Tape, step: DraftStep, name: str, to: Value) -> str:
    """A gradient summed over what a value was repeated along."""
    value = tape.values[name]
    if to.channels < value.channels:
        name = _sum_of_channels(tape, step, name)
    kernel = [n if small == 1 else 1 for n, small in zip(value.size, to.size, strict=True)]
    if math.prod(kernel) > 1:
        name = tape.emit(step, "avg_pool2d", [name], {"kernel": kernel, "stride": kernel})
        name = _scaled(tape, step, name, math.prod(kernel))
    return name


@differentiates("affine")
def affine(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    slope, scale = step.arrays.get("slope"), step.arrays.get("scale")
    if slope is not None:
        value = step.name
        if (slope < 0).any() or "after" in step.arrays:
            # the result doesn't tell the sign of what went in
            if step.arrays.keys() != {"slope"} or len(step.inputs) > 1:
                raise tape.refused(step, " with slopes below 0 among other steps")
            value = step.inputs[0]
        gradient = _leaky(tape, step, gradient, value, slope)
    own = gradient if scale is None else _times(tape, step, gradient, scale)
    return [own, gradient][: len(step.inputs)]


def _leaky(tape: Tape, step: DraftStep, gradient: str, value: str, slope: np.ndarray) -> str:
    spread = tape.spread.get(gradient)
    if spread is not None and value == step.name == spread.pool.inputs[0]:
        # the value there is what the pool gave
        return spread.anew(tape.emit(step, "leaky_gradient", [spread.gradient, spread.pool.name], {}, {"slope": slope}))
    return tape.emit(step, "leaky_gradient", [gradient, value], {}, {"slope": slope})


def _times(tape: Tape, step: DraftStep, gradient: str, scale: np.ndarray) -> str:
    spread = tape.spread.get(gradient)
    if spread is not None:
        return spread.anew(tape.emit(step, "affine", [spread.gradient], {}, {"scale": scale}))
    return tape.emit(step, "affine", [gradient], {}, {"scale": scale})


@differentiates("conv2d", "binary_weight_conv2d")
def conv2d(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    image = tape.values[step.inputs[0]]
    window = {
        name: step.attributes.get(name, [int(name != "padding")] * 2) for name in ("stride", "padding", "dilation")
    }
    groups = step.attributes.get("groups", 1)
    weight = step.arrays["weight"]
    if step.op == "binary_weight_conv2d":
        weight = kernels.unpack_bits(weight, image.channels // groups)
    out = tape.values[step.name].size
    # the pixels at the end that no window takes
    more = [
        n + 2 * p - d * (k - 1) - 1 - (places - 1) * s
        for n, p, d, k, places, s in zip(
            image.size, window["padding"], window["dilation"], weight.shape[1:3], out, window["stride"], strict=True
        )
    ]
    attributes = {**window, "output_padding": more, "groups": groups}
    return [tape.emit(step, "conv_transpose2d", [gradient], attributes, {"weight": weight})]


@differentiates("conv_transpose2d")
def conv_transpose2d(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    names = ("stride", "padding", "dilation", "groups")
    attributes = {name: step.attributes[name] for name in names if name in step.attributes}
    back = tape.emit(step, "conv2d", [gradient], attributes, {"weight": step.arrays["weight"]})
    if tape.values[back] != tape.values[step.inputs[0]]:
        raise tape.refused(step, " with an output_padding of a stride or more")
    return [back]


@differentiates("linear", "binary_weight_linear")
def linear(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    weight = step.arrays["weight"]
    if step.op == "binary_weight_linear":
        weight = kernels.unpack_bits(weight, tape.values[step.inputs[0]].channels)
    return [tape.emit(step, "linear_transpose", [gradient], {}, {"weight": weight})]


@differentiates("multiply")
def multiply(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    first, second = step.inputs
    to_second = tape.emit(step, "multiply", [gradient, first])
    return [
        tape.emit(step, "multiply", [gradient, second]),
        _reduced(tape, step, to_second, tape.values[second]),
    ]


@differentiates("divide")
def divide(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    second = step.inputs[1]
    to_first = tape.emit(step, "divide", [gradient, second])
    # −g · (a / b) / b
    product = tape.emit(step, "multiply", [to_first, step.name])
    return [to_first, _scaled(tape, step, _reduced(tape, step, product, tape.values[second]), -1)]


@differentiates("clip")
def clip(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    # torch's hardtanh and relu6 let nothing through at the bounds, its clamp does
    bounds = "within" if step.operator.startswith("clamp") else "without"
    return [tape.emit(step, "clip_gradient", [gradient, step.inputs[0]], {**step.attributes, "bounds": bounds})]


@differentiates("function")
def function(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    return [tape.emit(step, "function_gradient", [gradient, step.inputs[0]], dict(step.attributes))]


@differentiates("max_pool2d")
def max_pool2d(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    return [_to_largest(tape, step, gradient, dict(step.attributes))]


@differentiates("global_max_pool")
def global_max_pool(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    size = list(tape.values[step.inputs[0]].size)
    return [_to_largest(tape, step, gradient, {"kernel": size, "stride": size})]


def _to_largest(tape: Tape, step: DraftStep, gradient: str, window: dict[str, Any]) -> str:
    # torch's amax gives equals equal shares; all its others take the first
    ties = "shared" if step.operator == "amax" else "first"
    places = gradient
    if not tape.values[gradient].size:
        places = tape.emit(step, "reshape", [gradient], {"size": [1, 1]})
    name = tape.emit(step, "max_pool_gradient", [places, step.inputs[0]], {**window, "ties": ties})
    tape.spread[name] = Spread(gradient, step, lambda other: _to_largest(tape, step, other, window))
    return name


@differentiates("avg_pool2d")
def avg_pool2d(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    image, a = tape.values[step.inputs[0]], step.attributes
    padding = a.get("padding", [0, 0])
    if a.get("ceil_mode") or (any(padding) and not a.get("count_include_pad", True)):
        raise tape.refused(step, " over windows of different numbers of places")
    down, across = a["kernel"]
    weight = np.full((image.channels, down, across, 1), 1 / (down * across), np.float32)
    more = [
        n + 2 * p - k - (places - 1) * s
        for n, p, k, places, s in zip(
            image.size, padding, a["kernel"], tape.values[step.name].size, a["stride"], strict=True
        )
    ]
    window = {"stride": a["stride"], "padding": padding, "output_padding": more, "groups": image.channels}
    return [tape.emit(step, "conv_transpose2d", [gradient], window, {"weight": weight})]


@differentiates("global_avg_pool")
def global_avg_pool(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    size = tape.values[step.inputs[0]].size
    row = _scaled(tape, step, gradient, 1 / math.prod(size))
    place = tape.emit(step, "reshape", [row], {"size": [1, 1]})
    return [_spread_over_places(tape, step, place, size)]


@differentiates("channel_mean")
def channel_mean(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    channels = tape.values[step.inputs[0]].channels
    return [_spread_over_channels(tape, step, _scaled(tape, step, gradient, 1 / channels), channels)]


@differentiates("channel_norm")
def channel_norm(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    # at a length of 0 torch takes a gradient of 0
    length = tape.emit(step, "clip", [step.name], {"low": 1e-30, "high": 1e30})
    direction = tape.emit(step, "divide", [step.inputs[0], length])
    return [tape.emit(step, "multiply", [direction, gradient])]


@differentiates("concat")
def concat(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    value, parts, start = tape.values[step.name], [], 0
    height, width = value.size or (1, 1)
    for name in step.inputs:
        stop = start + tape.values[name].channels
        attributes = {"start": [0, 0, start], "stop": [height, width, stop]}
        parts.append(tape.emit(step, "slice", [gradient], attributes))
        start = stop
    return parts


@differentiates("slice")
def slice_(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    value, a = tape.values[step.inputs[0]], step.attributes
    if any(n != 1 for n in a.get("step", [1, 1, 1])):
        raise tape.refused(step, " of every other place or channel")
    sides = [*(value.size or (1, 1)), value.channels]
    before = list(a.get("start", [0, 0, 0]))
    after = [side - stop for side, stop in zip(sides, a["stop"], strict=True)]
    return [tape.emit(step, "pad", [gradient], {"before": before, "after": after})]


@differentiates("pad")
def pad(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    value, a = tape.values[step.inputs[0]], step.attributes
    if a.get("mode", "constant") != "constant":
        raise tape.refused(step, f" by {a['mode']}")
    start = list(a.get("before", [0, 0, 0]))
    sides = [*(value.size or (1, 1)), value.channels]
    stop = [begin + side for begin, side in zip(start, sides, strict=True)]
    return [tape.emit(step, "slice", [gradient], {"start": start, "stop": stop})]


@differentiates("resize")
def resize(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    value, a = tape.values[step.inputs[0]], step.attributes
    spread = a["mode"] == "nearest" and all(
        s == 0 or (s == 1 and n == out) for s, n, out in zip(a["step"], value.size, a["size"], strict=True)
    )
    if not spread or any(s == 0 and n != 1 for s, n in zip(a["step"], value.size, strict=True)):
        raise tape.refused(step)
    return [_reduced(tape, step, gradient, value)]


@differentiates("flatten", "reshape")
def reshape(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    return [_as_image(tape, step, gradient, tape.values[step.inputs[0]])]


@differentiates("transpose")
def transpose(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    axes = step.attributes["axes"]
    back = "".join("hwc"[axes.index(axis)] for axis in "hwc")
    return [tape.emit(step, "transpose", [gradient], {"axes": back})]


@differentiates("pixel_shuffle")
def pixel_shuffle(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    inverse = not step.attributes.get("inverse", False)
    return [tape.emit(step, "pixel_shuffle", [gradient], {**step.attributes, "inverse": inverse})]


@differentiates("softmax")
def softmax(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    # o (g − Σ g o)
    product = tape.emit(step, "multiply", [gradient, step.name])
    less = tape.emit(step, "multiply", [step.name, _scaled(tape, step, _sum_of_channels(tape, step, product), -1)])
    return [tape.emit(step, "affine", [product, less])]


@differentiates("log_softmax")
def log_softmax(tape: Tape, step: DraftStep, gradient: str) -> list[str]:
    # g − o Σ g
    shares = tape.emit(step, "softmax", [step.inputs[0]])
    less = tape.emit(step, "multiply", [shares, _scaled(tape, step, _sum_of_channels(tape, step, gradient), -1)])
    return [tape.emit(step, "affine", [gradient, less])]
