"""Rules for pools, means and maxima, and images of another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.packing._lower import Lowering
from leveret.packing._ref import INDICES, Absent, Ref
from leveret.packing._registry import Row, lowers
from leveret.packing._rules_layers import down_and_across
from leveret.packing._rules_shapes import viewed
from leveret.packing._rules_values import affine


def _image(state: Lowering, a: dict[str, Any]) -> Ref:
    """An image, or for a 1d pool a text; torch would take one axis fewer for a single sample without a batch."""
    ref = state.image(a["self"])
    dims = int(state.operator[-2])
    if len(ref.shape) != dims + 1:
        raise state.error(f"over a value of shape {ref.shape}: it must have channels and {dims} dimensions of places")
    return ref


def _window(ref: Ref, a: dict[str, Any]) -> dict[str, Any]:
    dims = len(ref.shape) - 1
    return {
        "kernel": down_and_across(a["kernel_size"], dims),
        "stride": down_and_across(a["stride"] or a["kernel_size"], dims),
        "padding": down_and_across(a["padding"], dims, 0),
        "ceil_mode": bool(a["ceil_mode"]),
    }


@lowers(
    "max_pool1d",
    "max_pool2d",
    row=Row(
        "`MaxPool2d`, `MaxPool1d`",
        "`max_pool2d`",
        "with padding, dilation, `ceil_mode`; no indices; before a sign `bit_max_pool2d`, see below",
    ),
)
def max_pool(state: Lowering, a: dict[str, Any]) -> Ref:
    ref = _image(state, a)
    return state.emit(
        "max_pool2d", [ref], {**_window(ref, a), "dilation": down_and_across(a["dilation"], len(ref.shape) - 1)}
    )


@lowers(
    "avg_pool1d",
    "avg_pool2d",
    row=Row(
        "`AvgPool2d`, `AvgPool1d`",
        "`avg_pool2d`",
        "with padding, `ceil_mode`, `count_include_pad`; no `divisor_override`",
    ),
)
def avg_pool(state: Lowering, a: dict[str, Any]) -> Ref:
    if a.get("divisor_override") is not None:
        raise state.error("with divisor_override: use the plain mean, and a product behind it")
    ref = _image(state, a)
    return state.emit("avg_pool2d", [ref], {**_window(ref, a), "count_include_pad": bool(a["count_include_pad"])})


def _adaptive(state: Lowering, a: dict[str, Any], mode: str) -> Ref:
    ref = _image(state, a)
    sides = [ref.side("h"), ref.side("w")]
    out = [side if n is None else int(n) for n, side in zip(_places(ref, a), sides, strict=True)]
    shape = (ref.shape[0], *out[-(len(ref.shape) - 1) :])
    if not any(side % places for side, places in zip(sides, out, strict=True)):
        kernel = [side // places for side, places in zip(sides, out, strict=True)]
        if kernel == [1, 1]:
            return ref
        return state.emit(f"{mode}_pool2d", [ref], {"kernel": kernel, "stride": kernel}, shape=shape)
    full = {"avg": "average", "max": "max"}[mode]
    return state.emit("adaptive_pool2d", [ref], {"size": out, "mode": full}, shape=shape)


def _places(ref: Ref, a: dict[str, Any]) -> list[Any]:
    size = a["output_size"]
    values = list(size) if isinstance(size, list | tuple) else [size]
    return [1, *values] if len(ref.shape) == 2 else values * 2 if len(values) == 1 else values


@lowers(
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    row=Row(
        "`AdaptiveAvgPool2d`, `AdaptiveAvgPool1d`",
        "`avg_pool2d`",
        "`adaptive_pool2d` where the image doesn't divide by the places asked for",
    ),
)
def adaptive_avg_pool(state: Lowering, a: dict[str, Any]) -> Ref:
    return _adaptive(state, a, "avg")


@lowers(
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    row=Row("`AdaptiveMaxPool2d`, `AdaptiveMaxPool1d`", "`max_pool2d`", "as `AdaptiveAvgPool2d`; no indices"),
)
def adaptive_max_pool(state: Lowering, a: dict[str, Any]) -> tuple[Ref, Absent]:
    return _adaptive(state, a, "max"), INDICES


def _reduced(state: Lowering, ref: Ref, dims: Any, keep: bool, mode: str) -> Ref:
    """Mean or maximum over some axes: first over places, then over channels."""
    given = dims if isinstance(dims, list | tuple) else [] if dims is None else [dims]
    axes = sorted({ref.axis(axis) for axis in given})
    if not axes or axes[0] < 0:
        raise state.error("over the samples of a batch")
    letters = {ref.layout[axis] for axis in axes if ref.shape[axis] > 1}
    shape = tuple(1 if axis in axes else n for axis, n in enumerate(ref.shape))
    smaller = shape if keep else tuple(n for axis, n in enumerate(ref.shape) if axis not in axes)
    places = letters - {"c"}
    if places:
        between = tuple(1 if axis in places else n for axis, n in zip(ref.layout, ref.shape, strict=True))
        if all(ref.side(axis) == 1 or axis in places for axis in "hw") and len(smaller) == 1 and "c" not in letters:
            return state.emit(f"global_{mode}_pool", [ref], shape=smaller)
        kernel = [ref.side(axis) if axis in places else 1 for axis in "hw"]
        ref = state.emit(
            f"{mode}_pool2d", [ref], {"kernel": kernel, "stride": kernel}, shape=between, layout=ref.layout
        )
    if "c" in letters:
        op = {"avg": "channel_mean", "max": "channel_max"}[mode]
        ref = state.emit(op, [ref], shape=shape, layout=ref.layout)
    return viewed(state, ref, smaller)


@lowers(
    "mean",
    "sum",
    row=Row(
        "`x.mean(axes)`, `x.sum(axes)`",
        "`global_avg_pool`, `avg_pool2d`, `channel_mean`",
        "over any axes but the batch, with and without `keepdim`; a sum is a mean, multiplied",
    ),
)
def mean(state: Lowering, a: dict[str, Any]) -> Ref:
    ref: Ref = a["self"]
    result = _reduced(state, ref, a.get("dim"), bool(a.get("keepdim")), "avg")
    if state.operator == "mean":
        return result
    return affine(state, result, scale=float(np.prod(ref.shape) / np.prod(result.shape)))


@lowers(
    "amax",
    "max",
    row=Row(
        "`x.amax(axes)`, `x.max(axis)`",
        "`global_max_pool`, `max_pool2d`, `channel_max`",
        "over any axes but the batch; no indices, not of two values",
    ),
)
def maximum(state: Lowering, a: dict[str, Any]) -> Any:
    if "other" in a:
        raise state.error("of two values: use relu(a - b) + b, which is the same")
    result = _reduced(state, a["self"], a.get("dim"), bool(a.get("keepdim")), "max")
    return result if state.operator == "amax" else (result, INDICES)


def _resized(state: Lowering, a: dict[str, Any], mode: str) -> Ref:
    ref = state.image(a["input"] if "input" in a else a["self"])
    shape = state.out_shape
    if shape == ref.shape and (mode != "nearest_exact" or not a.get("scale_factors")):
        return ref
    factors = list(a.get("scale_factors") or [None] * (len(shape) - 1))
    sizes, steps = [1] * (3 - len(shape)), [1.0] * (3 - len(shape))
    for side, out, factor in zip(ref.shape[1:], shape[1:], factors, strict=True):
        if mode == "bilinear_corners":
            step = np.float32(side - 1) / np.float32(out - 1) if out > 1 else 0.0
        elif mode != "nearest_exact" and side == out:
            step = 1.0  # torch copies, and for nearest doubles, whatever the factor was
        elif mode == "nearest" and 2 * side == out:
            step = 0.5
        elif factor:
            step = 1.0 / factor
        else:
            step = np.float32(side) / np.float32(out)
        sizes.append(out)
        steps.append(float(np.float32(step)))  # as torch has it: a file's number must give the same pixels
    return state.emit("resize", [ref], {"size": sizes, "step": steps, "mode": mode})


@lowers(
    "upsample_nearest1d",
    "upsample_nearest2d",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    row=Row("`interpolate`, `Upsample` by `nearest`, `nearest-exact`", "`resize`"),
)
def nearest(state: Lowering, a: dict[str, Any]) -> Ref:
    return _resized(state, a, "nearest_exact" if "exact" in state.operator else "nearest")


@lowers(
    "upsample_linear1d",
    "upsample_bilinear2d",
    row=Row("`interpolate`, `Upsample` by `bilinear`, `linear`", "`resize`", "no `antialias`"),
)
def bilinear(state: Lowering, a: dict[str, Any]) -> Ref:
    return _resized(state, a, "bilinear_corners" if a["align_corners"] else "bilinear")
