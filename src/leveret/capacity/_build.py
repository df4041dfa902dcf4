"""`capacity_net_for`: a dynamic capacity net of a sensible shape for images of a size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import nn

from leveret.capacity._geometry import Geometry
from leveret.capacity._levels import Amount
from leveret.capacity._net import DynamicCapacityNet
from leveret.capacity._walk import derive
from leveret.errors import LeveretUsageError

__all__ = ["capacity_net", "capacity_net_for", "checked_amount"]

# images whose shorter side is at least so long are halved so often on the way to the grid
_SIDES = (0, 16, 48, 160, 512)
_SMALLEST = 8
# features of each stage of the fine layers, for grey images and for colour
_WIDTHS = {True: (32, 32, 32, 48), False: (32, 48, 48, 64)}
# of the top layers, by the number of halvings: where the grid is nearly as large as the image they cost most
_TOP = (32, 32, 48, 64, 64)
_TOP_GRID = 4  # the top halves the grid until a side is at most this, so that it sees how parts lie to each other
# the share of the operations of fine layers everywhere that the default number of patches may cost
_SHARE = 0.2
_MOST = 8  # the paper's number


@dataclass(frozen=True)
class _Plan:
    """How often the image is halved, and how wide each stage and the top are; the last stage's width is D."""

    halvings: int
    widths: tuple[int, ...]
    top: int

    @property
    def features(self) -> int:
        return self.widths[-1]


def capacity_net(
    in_channels: int, num_classes: int, height: int, width: int, k: Amount | None = None
) -> DynamicCapacityNet:
    """A new dynamic capacity net for images of a size, with random weights drawn from torch's generator.

    Its shape follows from the shorter side: the grid's stride is 1 below 16 pixels, 2 from there on, 4 from 48, 8 from
    160 and 16 from 512. Patches are then about 5, 6, 16, 36 and 76 pixels a side.

    - Coarse: one convolution with few channels, whose stride is up to 4, and one of stride 2 for each halving beyond.
    - Fine: two 3x3 convolutions and a max-pool for each halving, as the paper's fine layers; wider for colour. Only
      the first of them pads, by what makes its grid that of the coarse layers: so a patch is a field and no more, while
      the images' borders count.
    - Top: 3x3 convolutions of stride 2 until the grid is at most 4 a side, then the paper's maximum over what is left
      and a linear layer.

    Args:
        in_channels: of the images.
        num_classes: classes.
        height, width: of the images, in pixels, at least 8.
        k: as for `DynamicCapacityNet`. Default: as many patches as cost a fifth of the fine layers everywhere, at
            least 1 and at most 8.

    Raises:
        LeveretUsageError: images smaller than 8 pixels; k larger than the grid has places.
    """
    side = min(height, width)
    if side < _SMALLEST:
        raise LeveretUsageError(
            f"images of {height}x{width} are too small to look at in parts; from {_SMALLEST} pixels a side on it works"
        )
    plan = _plan(in_channels, side)
    coarse, fine = _coarse(plan, in_channels), _fine(plan, in_channels, 0)
    padding = _padding(derive(coarse, "coarse"), derive(fine, "fine"))
    fine = _fine(plan, in_channels, padding)
    geometry = derive(fine, "fine")
    rows, columns = geometry.grid(height, width)
    if k is not None:
        checked_amount(k, geometry, height, width)
    net = DynamicCapacityNet(coarse, fine, _top(plan, rows, columns, num_classes), 1, borders="zeros")
    net.k = k if k is not None else _usual(net, rows * columns, height, width)
    return net


def capacity_net_for(data: Any, k: Amount | None = None) -> DynamicCapacityNet:
    """`capacity_net` for data from `leveret.load`.

    Raises:
        LeveretUsageError: texts or tables instead of images; as for `capacity_net`.
    """
    if data.kind != "image":
        raise LeveretUsageError(
            f"{data.source} holds {data.kind}s; a dynamic capacity net looks closer at parts of images, so it needs "
            "images"
        )
    channels, height, width = data.image_shape
    return capacity_net(channels, data.num_classes, height, width, k)


def _plan(in_channels: int, side: int) -> _Plan:
    halvings = max(i for i, least in enumerate(_SIDES) if side >= least)
    return _Plan(halvings, _WIDTHS[in_channels == 1][: max(1, halvings)], _TOP[halvings])


def _coarse(plan: _Plan, in_channels: int) -> nn.Module:
    if plan.halvings < 2:
        return nn.Sequential(*_conv(in_channels, plan.features, 5 + plan.halvings, 1 + plan.halvings))
    # from 160 pixels on, a first step of 4 pixels keeps it cheap
    first = (6, 2) if plan.halvings == 2 else (8, 4)
    layers = _conv(in_channels, plan.features // 2, *first)
    done = 1 if plan.halvings == 2 else 2
    inputs = plan.features // 2
    for _ in range(plan.halvings - done):
        layers += _conv(inputs, plan.features, 3, 2)
        inputs = plan.features
    return nn.Sequential(*layers)


def _fine(plan: _Plan, in_channels: int, padding: int) -> nn.Module:
    layers: list[nn.Module] = []
    inputs = in_channels
    for stage in range(max(1, plan.halvings)):
        outputs = plan.widths[stage]
        for into in (inputs, outputs):
            layers += _conv(into, outputs, 3, padding=0 if layers else padding)
        if plan.halvings:
            layers.append(nn.MaxPool2d(2))
        inputs = outputs
    return nn.Sequential(*layers)


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    # no norms: in training they would see the chosen patches alone, and elsewhere whole images
    return [nn.Conv2d(in_channels, out_channels, kernel, stride, padding), nn.ReLU()]


def _padding(coarse: Geometry, fine: Geometry) -> int:
    """What the fine layers must add around an image, so that their fields lie about those of the coarse layers."""
    return (fine.rows.size - coarse.rows.size) // 2


def _top(plan: _Plan, rows: int, columns: int, num_classes: int) -> nn.Module:
    side, widths = max(rows, columns), [plan.features]
    while side > _TOP_GRID or len(widths) == 1:
        side = (side + 1) // 2
        widths.append(plan.top)
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += _conv(into, out, 3, 2, padding=1)
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(plan.top, num_classes))


def checked_amount(k: Amount, geometry: Geometry, height: int, width: int) -> Amount:
    """The amount, if images of this size have so many places; before the first of them is looked at.

    Args:
        k: how many patches.
        geometry: of the coarse features.
        height, width: of the images, in pixels.

    Raises:
        LeveretUsageError: they don't.
    """
    rows, columns = geometry.grid(height, width)
    if isinstance(k, int) and k > rows * columns:
        raise LeveretUsageError(
            f"{k} patches are asked for, and images of {height}x{width} have a grid of {rows}x{columns}, "
            f"{rows * columns} places"
        )
    return k


def _usual(net: DynamicCapacityNet, places: int, height: int, width: int) -> int:
    cost = net.operations(height, width)
    return max(1, min(_MOST, places, int(_SHARE * cost.whole / max(cost.patch, 1))))
