"""`street_backbone`: a small backbone for small images and CPUs, with batch norm or without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from leveret.context._backbone import Stages
from leveret.errors import LeveretUsageError
from leveret.nets import ConvBlock, ConvNetBlock
from leveret.nets._checks import positive

__all__ = ["PlainBlock", "street_backbone"]


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


class PlainBlock(nn.Sequential):
    """Convolution with a bias → max-pool (if `pool`) → ReLU; called as `leveret.nets.ConvBlock`.

    The weights begin as He et al., ICCV 2015, section 2.2, have it: their variance is 2 over the inputs of a unit,
    which keeps the size of signals through a deep stack of ReLU.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1, pool: bool = False
    ) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
        super().__init__(conv, *([nn.MaxPool2d(2)] if pool else []), nn.ReLU(inplace=True))
