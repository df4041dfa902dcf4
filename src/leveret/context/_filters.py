"""Gaussian filters over the pixels of one image, as the dense CRF's kernels have them.

Each maps `(n, height, width)` to the same: at each pixel the sum over all, weighted by `exp(−|f_i − f_j|²/2)`, itself
with weight 1 included. Autograd goes through all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from leveret.context._lattice import Lattice

__all__ = ["Filter", "Normalize", "appearance_filter", "message_of", "smoothness_filter"]

Filter = Callable[[Tensor], Tensor]
Normalize = Literal["symmetric", "none"]
_BY_DIFFERENCES = "donot_use_mm_for_euclid_dist"  # of large features products would lose the small differences
_WIDE = 6  # bandwidths, beyond which a Gaussian is less than float32's rounding


def smoothness_filter(height: int, width: int, bandwidth: float) -> Filter:
    """The Gaussian of positions alone, rows and columns one after the other, up to rounding exact."""
    down, across = (_window(side, bandwidth) for side in (height, width))
    return lambda values: _along(_along(values, down, 1), across, 2)


def appearance_filter(image: Tensor, position: float, color: float, exact: bool, like: Tensor) -> Filter:
    """The Gaussian of positions and colours.

    Args:
        image: `(channels, height, width)`.
        position, color: bandwidths, in pixels and in the image's unit.
        exact: all pairs, by a matrix of the square of the pixels; else by a lattice.
        like: of the values' dtype and device.
    """
    features = _features(image, position, color)
    if exact:
        kernel = torch.exp(-0.5 * torch.cdist(features, features, compute_mode=_BY_DIFFERENCES).square()).to(like)
        return lambda values: (values.flatten(1) @ kernel).view_as(values)
    lattice = Lattice(features.cpu().numpy(), np.float64 if like.dtype == torch.float64 else np.float32)
    return lambda values: _ByLattice.apply(values.flatten(1), lattice).view_as(values)


def message_of(filter: Filter, like: Tensor, normalize: Normalize, with_self: bool) -> Filter:
    """What pixels hear from each other: the filter, normalised, and without what each would tell itself.

    Args:
        like: `(n, height, width)`, of the size, dtype and device of the values.
        normalize: "symmetric": k_ij / √(k_i k_j), where k_i is the sum over all j; or "none".
        with_self: leave what each pixel tells itself in.
    """
    if normalize == "none":
        return filter if with_self else lambda values: filter(values) - values
    with torch.no_grad():
        scale = filter(torch.ones_like(like[:1])).clamp_min(1e-20).rsqrt()
    own = scale.square()

    def run(values: Tensor) -> Tensor:
        heard = filter(values * scale) * scale
        return heard if with_self else heard - own * values

    return run


def _window(side: int, bandwidth: float) -> list[float]:
    """`exp(−t²/2θ²)` of whole t from 0, as far as they reach within the image or count."""
    return [math.exp(-0.5 * (t / bandwidth) ** 2) for t in range(min(side - 1, math.ceil(_WIDE * bandwidth)) + 1)]


def _along(values: Tensor, window: list[float], axis: int) -> Tensor:
    """The filter along one axis: sums of shifted values, which for few steps is quicker than a convolution."""
    result = values.clone()
    side = values.shape[axis]
    for t, weight in enumerate(window[1:], 1):
        result.narrow(axis, t, side - t).add_(values.narrow(axis, 0, side - t), alpha=weight)
        result.narrow(axis, 0, side - t).add_(values.narrow(axis, t, side - t), alpha=weight)
    return result


def _features(image: Tensor, position: float, color: float) -> Tensor:
    """`(pixels, 2 + channels)` float64: where each is and what colour, over the bandwidths."""
    _, height, width = image.shape
    options: dict[str, Any] = {"dtype": torch.float64, "device": image.device}
    rows, columns = torch.meshgrid(torch.arange(height, **options), torch.arange(width, **options), indexing="ij")
    places = torch.stack([rows, columns]).flatten(1) / position
    return torch.cat([places, image.double().flatten(1) / color]).T.contiguous()


class _ByLattice(torch.autograd.Function):
    """A lattice's filter on `(n, pixels)`, and its transpose for gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, lattice: Lattice) -> Tensor:
        ctx.lattice = lattice
        return _filtered(values, lattice, transposed=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _filtered(gradients[0], ctx.lattice, transposed=True), None


def _filtered(values: Tensor, lattice: Lattice, transposed: bool) -> Tensor:
    rows = values.detach().T.contiguous().cpu().numpy()
    return torch.from_numpy(lattice(rows, transposed=transposed)).T.to(values)
