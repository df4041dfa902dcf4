"""Backbones: modules that give feature maps at several strides, and how others become such modules.

A backbone is any module that maps images `(batch, in_channels, height, width)` to one map or several, as a list, a
tuple or a dict, the finest first. A map of stride s has a place for each s x s pixels where the image's sides are
multiples of the largest stride; `FCN` pads images to such sizes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from leveret.context._plain import PlainBlock
from leveret.errors import LeveretUsageError
from leveret.nets import ConvBlock, ConvNet, ConvNetBlock, ResNet
from leveret.nets._checks import positive

__all__ = ["Stages", "Taps", "backbone_of", "maps_of", "measured", "street_backbone"]

_SIDE = 64  # of the image with which strides are measured; larger ones where a net wants them
_LARGEST = 512


class Stages(nn.Module):
    """Modules that run one after the other; the output of each is a map.

    Args:
        stages: at least one module from maps to maps.

    Raises:
        LeveretUsageError: none was given.
    """

    def __init__(self, stages: Iterable[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        if not len(self.stages):
            raise LeveretUsageError("stages must be at least one module, got none")

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Taps(nn.Module):
    """A net of any kind, of which the outputs of some layers, by name, are the maps.

    The net runs as a whole, its classifier too; a packed net leaves out what the maps don't need.

    Args:
        net: any module that takes images.
        layers: names as in `net.named_modules()`, the finest map's first.

    Raises:
        LeveretUsageError: a name that the net lacks, or none; when called, a layer that doesn't run, or gives no map.

    Example:
        >>> backbone = Taps(torchvision.models.mobilenet_v3_small(), ["features.1", "features.3", "features.8"])
    """

    def __init__(self, net: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        known = dict(net.named_modules())
        if isinstance(layers, str) or not layers:
            raise LeveretUsageError(f"layers must be a list of names, got {layers!r}")
        for name in layers:
            if not name or name not in known:
                near = ", ".join(n for n, m in known.items() if n and not any(m.children()))
                raise LeveretUsageError(f"{type(net).__name__} has no layer {name!r}; its layers are: {near}")
        self.net = net
        self.layers = tuple(layers)

    def extra_repr(self) -> str:
        return f"layers={self.layers}"

    def forward(self, x: Tensor) -> list[Tensor]:
        with _outputs(self.net, self.layers) as found:
            self.net(x)
        for name in self.layers:
            if not isinstance(found.get(name), Tensor):
                got = f"gives a {type(found[name]).__name__}" if name in found else "doesn't run"
                raise LeveretUsageError(f"layer {name!r} of {type(self.net).__name__} {got}; a tap needs a map")
        return [found[name] for name in self.layers]


def street_backbone(
    in_channels: int = 3,
    *,
    widths: Sequence[int] = (32, 64, 128, 128),
    depths: Sequence[int] = (1, 2, 2, 3),
    batch_norm: bool = True,
    block: ConvNetBlock | None = None,
) -> Stages:
    """A small backbone for images of about 240x180 on CPUs: 3x3 convolutions in stages that halve, strides 2, 4, 8, 16.

    With the default widths it has 0.7 million weights, and takes 0.4 billion multiply-adds for an image of 240x180.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        widths, depths: channels and convolutions of each stage, whose first convolution has stride 2.
        batch_norm: normalise behind each convolution. Without, convolutions have biases and weights as He et al. (ICCV
            2015) begin them, which deep stacks of ReLU need where nothing normalises.
        block: what stands after the first stage instead, as in `ConvNet`: of `leveret.shrink.binary`, for one.

    Raises:
        LeveretUsageError: an argument out of range, or a block without batch norm.
    """
    positive(in_channels=in_channels)
    positive(**{f"widths[{i}]": n for i, n in enumerate(widths)}, **{f"depths[{i}]": n for i, n in enumerate(depths)})
    if not widths or len(widths) != len(depths):
        raise LeveretUsageError(
            f"widths and depths must name the same stages, at least one; got {len(widths)} and {len(depths)}"
        )
    if block is not None and not batch_norm:
        raise LeveretUsageError("batch_norm=False is for the plain block alone; other blocks bring norms of their own")
    plain: ConvNetBlock = ConvBlock if batch_norm else PlainBlock
    stages = []
    channels = in_channels
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        layers = nn.Sequential()
        for i in range(depth):
            first = stage == 0 and i == 0
            own: dict[str, Any] = {"exact": True} if first and block is not None else {}
            make = plain if block is None or stage == 0 else block
            layers.append(make(channels, width, stride=2 if i == 0 else 1, **own))
            channels = width
        stages.append(layers)
    if block is not None:
        # a block that ends in a bare sum leaves its scale to this
        stages[-1].append(nn.BatchNorm2d(channels))
    return Stages(stages)


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


@contextmanager
def _outputs(net: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What some layers give, by name, as the net runs within the block."""
    found: dict[str, Any] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found[name] = output

        return hook

    handles = [net.get_submodule(name).register_forward_hook(keep(name)) for name in dict.fromkeys(layers)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
