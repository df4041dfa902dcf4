"""`PlainBlock`: a convolution without batch norm."""

from __future__ import annotations

from torch import nn

__all__ = ["PlainBlock"]


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
