"""What a backbone gives: its maps, their channels and strides, found by running it once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from leveret.context._backbone import Stages
from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet, ResNet

__all__ = ["backbone_of", "maps_of", "measured"]

_SIDE = 64  # of the image with which strides are measured; larger ones where a net wants them
_LARGEST = 512


def backbone_of(net: nn.Module, in_channels: int) -> nn.Module:
    """`net` as a backbone: a `ConvNet` or `ResNet` as `Stages` of its own layers, without its classifier; others as
    they are."""
    if not isinstance(net, (ConvNet, ResNet)):
        return net
    if net.in_channels != in_channels:
        raise LeveretUsageError(f"in_channels is {in_channels}, and the backbone takes {net.in_channels}")
    blocks = list(net.blocks if isinstance(net, ConvNet) else net.stages)
    groups: list[list[nn.Module]] = [[net.stem]]
    for part, halves in zip(blocks, _halving(net.stem, blocks, in_channels), strict=True):
        if halves:
            groups.append([])
        groups[-1].append(part)
    if isinstance(net, ConvNet):
        groups[-1].append(net.norm)
    return Stages(group[0] if len(group) == 1 else nn.Sequential(*group) for group in groups)


def maps_of(found: Any) -> list[Tensor]:
    """The maps that a backbone gave, whatever they came in."""
    if isinstance(found, Tensor):
        return [found]
    return list(found.values() if isinstance(found, Mapping) else found)


def measured(backbone: nn.Module, in_channels: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and strides of a backbone's maps, by running it on an empty image; it stays as it is.

    Raises:
        LeveretUsageError: it can't be run, gives something else than maps, or maps that don't divide the image, or
            they aren't ordered from fine to coarse.
    """
    name = type(backbone).__name__
    maps, side = _run_on_nothing(backbone, in_channels)
    if not maps or not all(isinstance(one, Tensor) and one.dim() == 4 for one in maps):
        got = ", ".join(str(tuple(one.shape)) if isinstance(one, Tensor) else type(one).__name__ for one in maps)
        raise LeveretUsageError(
            f"a backbone must give maps (batch, channels, height, width), one or a list; {name} gave {got or 'nothing'}"
        )
    strides = []
    for i, one in enumerate(maps):
        height, width = one.shape[2:]
        if not height or height != width or side % height:
            raise LeveretUsageError(
                f"map {i} of {name} has {height}x{width} places for an image of {side}x{side}: its convolutions must "
                "be padded, so that a stride of s gives a place for each s x s pixels"
            )
        strides.append(side // height)
    if strides != sorted(set(strides)):
        raise LeveretUsageError(f"the maps of {name} must go from fine to coarse; their strides are {strides}")
    if any(coarse % fine for fine, coarse in itertools.pairwise(strides)):
        raise LeveretUsageError(f"each stride of {name} must be a multiple of the one before; they are {strides}")
    return tuple(int(one.shape[1]) for one in maps), tuple(strides)


def _run_on_nothing(backbone: nn.Module, in_channels: int) -> tuple[list[Any], int]:
    """A backbone's maps of an empty image, and its side: large enough that the coarsest has several places."""
    side = _SIDE
    while True:
        try:
            maps = _evaluated(backbone, [in_channels, side, side])
        except LeveretUsageError:
            raise
        except Exception as error:
            raise LeveretUsageError(
                f"{type(backbone).__name__} doesn't run on an image (1, {in_channels}, {side}, {side}): {error}"
            ) from error
        small = any(isinstance(one, Tensor) and one.dim() == 4 and min(one.shape[2:]) < 2 for one in maps)
        if not small or side >= _LARGEST:
            return maps, side
        side *= 2


def _evaluated(module: nn.Module, shape: list[int]) -> list[Any]:
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    states = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            return maps_of(module(torch.zeros(1, *shape, dtype=like.dtype, device=like.device)))
    finally:
        for part, training in states.items():
            part.training = training


def _halving(stem: nn.Module, blocks: list[nn.Module], in_channels: int) -> list[bool]:
    """Of each block, whether its map is smaller than the one before."""
    maps, _ = _run_on_nothing(Stages([stem, *blocks]), in_channels)
    sides = [one.shape[2] for one in maps]
    return [after < before for before, after in itertools.pairwise(sides)]
