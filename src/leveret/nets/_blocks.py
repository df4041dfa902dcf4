"""The real-valued building blocks. `shrink.binary` has binary ones that are called the same way.

Blocks of `ConvNet`: `Block(in_channels, out_channels, *, kernel_size=3, stride=1, pool=False)`.
Blocks of `ResNet`: `Block(in_channels, out_channels, *, stride=1)`.
All map `(batch, in_channels, height, width)` to `(batch, out_channels, …)`.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from leveret.nets._lateral import Lateral, Links

__all__ = ["BasicBlock", "ConvBlock", "ConvNetBlock", "ExactConv2d", "ResNetBlock"]


class ConvNetBlock(Protocol):
    """What `ConvNet` is built from."""

    def __call__(
        self, in_channels: int, out_channels: int, /, *, kernel_size: int = ..., stride: int = ..., pool: bool = ...
    ) -> nn.Module: ...


class ResNetBlock(Protocol):
    """What `ResNet` is built from: two convolutions and a way round them."""

    def __call__(self, in_channels: int, out_channels: int, /, *, stride: int = ...) -> nn.Module: ...


class ExactConv2d(nn.Conv2d):
    """A convolution that, in eval mode, adds in float64 and rounds once.

    The order in which a float32 convolution adds differs from one library to the next, and with it the last bit. Binary
    layers that follow can turn such a bit into a flipped sign; behind this layer PyTorch and a packed net see the same
    signs. It stands in the stem of binary nets, where it costs little; training is float32 as ever.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.double()
        y = F.conv2d(x.double(), self.weight.double(), bias, self.stride, self.padding, self.dilation, self.groups)
        return y.to(x.dtype)


class ConvBlock(nn.Sequential):
    """Convolution → max-pool (if `pool`) → BatchNorm → ReLU.

    Pooling right after the convolution gives the same numbers as after ReLU wherever BatchNorm's scale is positive,
    and leaves a quarter of the places to normalise. `exact` takes an `ExactConv2d`. `lateral` links the channels: in
    the ReLU's place stands a `Lateral`, on maps that are pooled and normalised already.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        pool: bool = False,
        exact: bool = False,
        lateral: Links | None = None,
    ) -> None:
        make = ExactConv2d if exact else nn.Conv2d
        conv = make(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)
        linked = Lateral(out_channels, lateral, maps=True) if lateral and lateral.steps else None
        relu = linked or nn.ReLU(inplace=True)
        super().__init__(conv, *([nn.MaxPool2d(2)] if pool else []), nn.BatchNorm2d(out_channels), relu)


class BasicBlock(nn.Module):
    """ResNet's basic block (He et al., CVPR 2016, fig. 2): two 3x3 convolutions, a shortcut around both.

    Where the shape changes the shortcut is a 1x1 convolution with BatchNorm (the paper's option B).
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))
