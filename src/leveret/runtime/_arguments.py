"""Checks of what the kernels are called with: dtypes, shapes, and an epilogue's steps."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime._geometry import Pair

__all__ = [
    "Channels",
    "Floats",
    "LaterSteps",
    "Words",
    "check_spare_bits",
    "epilogue",
    "filters_of",
    "floats",
    "image",
    "kernel_of",
    "of_shape",
    "per_channel",
]

Floats = NDArray[np.float32]
Words = NDArray[np.uint64]
Channels = NDArray[np.float32] | None


class LaterSteps(TypedDict, total=False):
    """What an epilogue does after `scale` and `shift`, as keyword arguments of every kernel that has one.

    `v += add;  v += before;  v = v > 0 ? v : v · slope;  v += after`; `add` has the output's shape, the others a value
    per channel. None, or nothing, leaves a step out.
    """

    add: Floats | None
    before: Channels
    slope: Channels
    after: Channels


def floats(name: str, x: Any) -> Floats:
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        raise LeveretUsageError(f"{name} must be a float32 array, got {getattr(x, 'dtype', type(x).__name__)}")
    return np.ascontiguousarray(x)


def image(x: Any) -> Floats:
    x = floats("x", x)
    if x.ndim != 4:
        raise LeveretUsageError(f"x must be (n, h, w, c), got {x.shape}")
    return x


def of_shape(name: str, x: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    x = np.ascontiguousarray(x)
    if x.shape != shape or x.dtype != dtype:
        raise LeveretUsageError(f"{name} must be {shape} {np.dtype(dtype)}, got {x.shape} {x.dtype}")
    return x


def per_channel(name: str, x: Channels, channels: int) -> Channels:
    return None if x is None else of_shape(name, x, (channels,), np.float32)


def epilogue(
    shape: tuple[int, ...],
    scale: Channels,
    shift: Channels,
    *,
    add: Floats | None = None,
    before: Channels = None,
    slope: Channels = None,
    after: Channels = None,
) -> dict[str, Any]:
    """All steps of an epilogue, checked against the output's shape, in the order in which kernels take them."""
    channels = shape[-1]
    return {
        "scale": per_channel("scale", scale, channels),
        "shift": per_channel("shift", shift, channels),
        "add": None if add is None else of_shape("add", add, shape, np.float32),
        "before": per_channel("before", before, channels),
        "slope": per_channel("slope", slope, channels),
        "after": per_channel("after", after, channels),
    }


def kernel_of(shape: tuple[int, ...]) -> Pair:
    return shape[1], shape[2]


def filters_of(shape: tuple[int, ...], in_channels: int, groups: int) -> int:
    if len(shape) != 4 or groups < 1 or in_channels < 1 or in_channels % groups or shape[0] % groups or 0 in shape:
        raise LeveretUsageError(
            f"weight must be (out, kernel_h, kernel_w, …) with out and in_channels multiples of groups, got {shape}, "
            f"in_channels {in_channels}, groups {groups}"
        )
    return shape[0]


def check_spare_bits(weight: Words, channels: int) -> None:
    """Bits past the last channel must be 0."""
    used = channels % 64
    if used and (weight[..., -1] >> np.uint64(used)).any():
        raise LeveretUsageError(f"weight must have its bits past channel {channels - 1} zero")
