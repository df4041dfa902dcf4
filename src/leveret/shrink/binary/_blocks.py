"""Blocks of binary layers that `ConvNet` and `ResNet` can be built from, in place of `nets.ConvBlock` and its kin.

==================  ==========================================================================================
`XnorBlock`         the paper's order: BatchNorm → sign → binary conv → pool (XNOR-Net, section 3.2, fig. 3)
`BinaryWeightBlock` real activations, binary weights: conv → BatchNorm → ReLU → pool (section 3.1)
`BiRealBlock`       later practice: shift → sign → binary conv → BatchNorm, a real shortcut around it, RPReLU
                    (Bi-Real Net, Liu et al., ECCV 2018; ReActNet, 2020); K is left out
==================  ==========================================================================================

All are called `Block(in_channels, out_channels, *, kernel_size=3, stride=1, pool=False)` and map
`(batch, in_channels, height, width)` to `(batch, out_channels, …)`, halved by `stride=2` or by `pool`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.shrink.binary._activations import LearnedShift, RPReLU
from leveret.shrink.binary._layers import BinaryWeightConv2d, XnorConv2d

__all__ = ["BiRealBlock", "BiRealPair", "BinaryWeightBlock", "XnorBlock", "XnorPair"]


class XnorBlock(nn.Sequential):
    """BatchNorm → sign → binary convolution → max-pool: XNOR-Net's block, with α and K and the paper's gradients.

    The paper pools after the convolution, since the maximum of signs would nearly always be +1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        pool: bool = False,
        input_scale: bool = True,
    ) -> None:
        conv = XnorConv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, input_scale=input_scale)
        super().__init__(nn.BatchNorm2d(in_channels), conv, *([nn.MaxPool2d(2)] if pool else []))


class BinaryWeightBlock(nn.Sequential):
    """Convolution with `α sign(W)` → BatchNorm → ReLU → max-pool: a Binary-Weight-Network's block."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1, pool: bool = False
    ) -> None:
        conv = BinaryWeightConv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2)
        super().__init__(conv, nn.BatchNorm2d(out_channels), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else []))


class BiRealBlock(nn.Module):
    """`RPReLU(BatchNorm(sign(x + b) ⊛ sign(W)) + shortcut(x))`: one binary convolution with a real way round it.

    α is left out, since the BatchNorm that follows takes up any scale of a channel. The shortcut halves by average
    pooling and widens by repeating channels (ReActNet, fig. 5), so that it costs no real weights; where `out_channels`
    is no multiple of `in_channels` it is a real 1x1 convolution with BatchNorm.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1, pool: bool = False
    ) -> None:
        super().__init__()
        self.shift = LearnedShift(in_channels)
        self.conv = XnorConv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride * (2 if pool else 1),
            kernel_size // 2,
            weight_scale=False,
            weight_gradient="clipped",
            input_gradient="approx",
        )
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut = Shortcut(in_channels, out_channels, stride * (2 if pool else 1))
        self.activation = RPReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(self.shift(x))) + self.shortcut(x))


class Shortcut(nn.Module):
    """The real-valued way round a binary convolution: average pool by `stride`, then widen to `out_channels`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.repeats, rest = divmod(out_channels, in_channels)
        self.project: nn.Module | None = None
        if rest:
            self.project = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            # ceil_mode: an odd side gives as many places as a padded strided convolution does
            x = F.avg_pool2d(x, self.stride, ceil_mode=True, count_include_pad=False)
        if self.project is not None:
            return self.project(x)
        return torch.cat([x] * self.repeats, dim=1) if self.repeats > 1 else x


class XnorPair(nn.Module):
    """The two-convolution block of the paper's ResNet-18: BatchNorm → sign → conv twice, one shortcut around both."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.first = XnorBlock(in_channels, out_channels, stride=stride)
        self.second = XnorBlock(out_channels, out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) + self.shortcut(x)


class BiRealPair(nn.Sequential):
    """Two `BiRealBlock`s in place of a ResNet's basic block: a shortcut around every binary convolution."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__(BiRealBlock(in_channels, out_channels, stride=stride), BiRealBlock(out_channels, out_channels))
