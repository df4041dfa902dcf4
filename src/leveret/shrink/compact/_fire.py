"""Fire modules: few channels first, then kernels of two sizes side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink._windows import padding_of

__all__ = ["Fire"]


class Fire(nn.Module):
    """Squeeze to few channels by 1x1 filters, then expand by 1x1 and k x k filters: `(n, in, h, w)` to `(n, out, …)`.

    Source: Iandola et al., "SqueezeNet", 2016, section 3.2: a ReLU behind the squeezing layer; behind the expanding
    ones stands what stood behind the convolution that this replaces.

    Args:
        in_channels, out_channels: the last half, rounded down, comes from the k x k filters.
        squeeze: channels between; the paper takes fewer than either side has.
        kernel_size, stride, padding: of the k x k filters, as of `nn.Conv2d`; the padding must keep the places that
            1x1 filters see.
        bias: of the expanding layers.

    Raises:
        LeveretUsageError: numbers below 1, or a padding that gives the two sizes different places.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        squeeze: int,
        kernel_size: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if min(in_channels, squeeze, kernel_size) < 1 or out_channels < 2:
            raise LeveretUsageError(
                f"channels and kernel must be at least 1, outputs 2; got {in_channels} to {out_channels} by {squeeze}, "
                f"kernel {kernel_size}"
            )
        padding = kernel_size // 2 if padding is None else padding
        if 2 * padding != kernel_size - 1:
            raise LeveretUsageError(
                f"a fire module's kernel {kernel_size} must be odd and padded by {kernel_size // 2}, got {padding}"
            )
        wide = out_channels // 2
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.relu = nn.ReLU()
        self.expand_1x1 = nn.Conv2d(squeeze, out_channels - wide, 1, stride, bias=bias)
        self.expand = nn.Conv2d(squeeze, wide, kernel_size, stride, padding, bias=bias)

    @staticmethod
    def from_conv(layer: nn.Conv2d, squeeze: int) -> Fire:
        """A fire module in a convolution's place, with random weights: its ReLU lets none of the old ones through.

        Raises:
            LeveretUsageError: groups, dilation, or a kernel that isn't square, odd and padded by half.
        """
        height, width = layer.kernel_size
        padding = padding_of(layer)
        if layer.groups != 1 or set(layer.dilation) != {1} or height != width or padding[0] != padding[1]:
            raise LeveretUsageError("a fire module takes the place of square kernels without groups and dilation")
        stride = (layer.stride[0], layer.stride[1])
        bias = layer.bias is not None
        fire = Fire(layer.in_channels, layer.out_channels, squeeze, height, stride, padding[0], bias)
        return fire.to(layer.weight.device, layer.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.squeeze(x))
        return torch.cat([self.expand_1x1(x), self.expand(x)], 1)
