"""`factorize`: the transform that puts layers of fewer weights in the place of a net's large ones."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import Chosen, choose_layers, fitting, replaced
from leveret.shrink._windows import padding_of, pads_unevenly, reaches
from leveret.shrink.compact import _splits as splits
from leveret.shrink.compact._fire import Fire

__all__ = ["factorize"]

Method = Literal["svd", "spatial", "pointwise", "two-pointwise", "separable", "fire"]

_RANKED = ("svd", "spatial", "two-pointwise", "fire")
_KERNELS = ("spatial", "pointwise", "two-pointwise", "separable", "fire")


def factorize(
    net: nn.Module,
    method: Method = "svd",
    *,
    ratio: float = 2.0,
    rank: int | None = None,
    energy: float | None = None,
    layers: Chosen = None,
    keep_first: bool = True,
    keep_last: bool = True,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Give back `net` with smaller layers in the place of large ones. What it had learned is kept as far as it goes.

    Layers are cut by least squares and meant to be trained on with `leveret.fit`; a "fire" module begins at random. All
    of them are ordinary layers of PyTorch: they pack, and can be made binary or int8 in turn.

    Args:
        net: any module. Layers are found by type, exactly `nn.Conv2d` and `nn.Linear`.
        method: "svd": a Linear as two, a convolution as one of few filters and a 1x1 convolution. "spatial": k x k as
            k x 1 and 1 x k. "pointwise": k x k as 1x1. "two-pointwise": k x k as two 1x1. "separable": k x k as one
            filter per channel and a 1x1. "fire": a SqueezeNet fire module. All but "svd" are for kernels larger than
            1x1, and leave other layers out where `layers` is None.
        ratio: how many times fewer weights a layer shall have, at least; for methods with a rank. A layer that can't
            be made so much smaller is given rank 1.
        rank: channels between the parts, instead of a ratio.
        energy: instead of a ratio: the smallest rank that keeps this share of the squared singular values, above 0 and
            up to 1; not for "fire".
        layers: which to convert: names or glob patterns as in `net.named_modules()`, or a function of name and module.
            By default all that the method is for, but the first and the last layer of the net.
        keep_first, keep_last: leave these as they are; only looked at where `layers` is None.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretUsageError: an argument out of range, nothing to convert, or a layer that the method doesn't fit, named.

    Source: Denton et al., NIPS 2014; Jaderberg et al., BMVC 2014 ("spatial"); Zhang et al., 2015 ("svd"); Howard et
    al., "MobileNets", 2017 ("separable"); Iandola et al., "SqueezeNet", 2016 ("fire", and 3x3 to 1x1, strategy 1).

    Example:
        >>> small = factorize(net, "spatial", ratio=3)
        >>> leveret.fit(small, data, epochs=5)
    """
    _check_arguments(method, ratio, rank, energy)
    result = net if inplace else copy.deepcopy(net)
    chosen = choose_layers(result, layers, keep_first, keep_last, "smaller")
    if layers is None and method in _KERNELS:
        chosen = [(name, layer) for name, layer in chosen if _has_kernel(layer)]
        if not chosen:
            raise LeveretUsageError(f"{method!r} is for kernels larger than 1x1; the net has none but at its ends")
    for name, layer in chosen:
        if not layer.weight.isfinite().all():
            raise LeveretUsageError(f"layer {name!r} holds NaN or infinite weights")
    chosen = fitting(result, chosen, functools.partial(_unfit, method=method), skip_unfit)
    made = {layer: _made(layer, method, ratio, rank, energy).train(layer.training) for _, layer in chosen}
    return replaced(result, {old: new.to(old.weight.device, old.weight.dtype) for old, new in made.items()})


def _check_arguments(method: str, ratio: float, rank: int | None, energy: float | None) -> None:
    if method not in get_args(Method):
        raise LeveretUsageError(f"method must be one of {', '.join(map(repr, get_args(Method)))}, got {method!r}")
    if not (math.isfinite(ratio) and ratio >= 1):
        raise LeveretUsageError(f"ratio must be a number of at least 1, got {ratio}")
    if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
        raise LeveretUsageError(f"rank must be a whole number of at least 1, got {rank!r}")
    if energy is not None and not 0 < energy <= 1:
        raise LeveretUsageError(f"energy must be above 0 and at most 1, got {energy}")
    if rank is not None and energy is not None:
        raise LeveretUsageError("give a rank or an energy, not both")
    if method not in _RANKED and (rank is not None or energy is not None):
        raise LeveretUsageError(f"{method!r} has no rank to choose")
    if method == "fire" and energy is not None:
        raise LeveretUsageError("a fire module begins at random, so that there is no energy to keep: give a rank")


def _has_kernel(layer: Any) -> bool:
    return isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1


def _unfit(layer: Any, method: Method) -> str | None:
    why = _why_unfit(layer, method)
    return why and f"{why}; leave it out with layers=[…]"


def _why_unfit(layer: Any, method: Method) -> str | None:
    if method in _KERNELS and not _has_kernel(layer):
        return f"has no kernel larger than 1x1, which {method!r} is for"
    if isinstance(layer, nn.Linear):
        return None
    if layer.groups > 1 and method != "pointwise":
        return f"has {layer.groups} groups, which {method!r} doesn't cut"
    if layer.padding_mode != "zeros":
        return f"pads with {layer.padding_mode!r}, which smaller kernels in a row would do otherwise"
    if pads_unevenly(layer):
        return "pads unevenly ('same' with an even kernel)"
    if "pointwise" in method and [2 * p for p in padding_of(layer)] != reaches(layer):
        return "isn't padded by half its kernel, so that a 1x1 convolution gives another number of places"
    if method == "fire":
        try:
            Fire.from_conv(layer, 1)
        except LeveretUsageError as error:
            return f"doesn't fit: {error}"
    return None


def _made(layer: Any, method: Method, ratio: float, rank: int | None, energy: float | None) -> nn.Module:
    matrix = _matrix(layer, method)
    if method == "pointwise":
        parts = splits.pointwise(layer)
    elif method == "separable":
        parts = splits.separable(layer)
    else:
        # weights of all parts, for each channel between them
        each, most = _weights_per_rank(layer, method), min(matrix.shape)
        if energy is not None:
            chosen = _rank_of_energy(matrix, energy)
        else:
            chosen = rank if rank is not None else int(layer.weight.numel() / ratio / each)
        chosen = max(1, min(chosen, most))
        if method == "fire":
            return Fire.from_conv(layer, chosen)
        split: Callable[[Any, int], list[nn.Module]] = {
            "svd": splits.low_rank_linear if isinstance(layer, nn.Linear) else splits.low_rank_conv,
            "spatial": splits.spatial,
            "two-pointwise": splits.two_pointwise,
        }[method]
        parts = split(layer, chosen)
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


def _matrix(layer: Any, method: Method) -> Tensor:
    """The weight as the matrix whose rank is chosen."""
    weight: Tensor = layer.weight.detach()
    if method == "spatial":
        outputs, inputs, height, width = weight.shape
        return weight.permute(1, 2, 0, 3).reshape(inputs * height, outputs * width)
    if "pointwise" in method or method == "fire":
        return weight.sum((2, 3))
    return weight.flatten(1)


def _weights_per_rank(layer: Any, method: Method) -> float:
    if method == "fire":
        taps = layer.kernel_size[0] * layer.kernel_size[1]
        wide = layer.out_channels // 2
        return layer.in_channels + layer.out_channels - wide + wide * taps
    return sum(_matrix(layer, method).shape)


def _rank_of_energy(matrix: Tensor, energy: float) -> int:
    squares = splits.singular_values(matrix).square()
    if squares.sum() == 0:
        return 1
    kept = squares.cumsum(0) / squares.sum()
    return int(torch.searchsorted(kept, energy - 1e-12)) + 1
