"""`BilinearUpsample`: a transposed convolution that begins as bilinear interpolation, and learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive

__all__ = ["BilinearUpsample"]


class BilinearUpsample(nn.Module):
    """Maps `factor` times as high and wide; at the start exactly `interpolate(…, mode="bilinear")`.

    A transposed convolution with a filter per channel, `2 factor − factor mod 2` pixels wide. Long et al. have one
    filter per pair of channels that begins with zeros between different ones; theirs also darkens the border, as zeros
    stand beyond the map, and they cut it off. Here the border is continued by its own values, as interpolation does.

    Shapes: `(batch, channels, height, width)` → `(batch, channels, factor · height, factor · width)`.

    Args:
        channels: of the map.
        factor: at least 1; with 1 the map stays as it is.

    Raises:
        LeveretUsageError: an argument out of range.

    Source: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, sections
    3.3 and 4.2: intermediate up-sampling begins as bilinear, and learns.
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        positive(channels=channels, factor=factor)
        if factor > 64:
            raise LeveretUsageError(f"factor must be at most 64, got {factor}")
        self.factor = factor
        self.conv: nn.ConvTranspose2d | None = None
        if factor > 1:
            kernel = 2 * factor - factor % 2
            padding = (3 * factor - factor % 2) // 2  # a whole pixel of the border that is put round, and half a window
            self.conv = nn.ConvTranspose2d(
                channels, channels, kernel, stride=factor, padding=padding, groups=channels, bias=False
            )
            with torch.no_grad():
                self.conv.weight.copy_(_bilinear(kernel, factor).expand_as(self.conv.weight))

    def forward(self, x: Tensor) -> Tensor:
        return x if self.conv is None else self.conv(F.pad(x, (1, 1, 1, 1), mode="replicate"))


def _bilinear(kernel: int, factor: int) -> Tensor:
    """`(kernel, kernel)`: the share of a pixel in each of those around it."""
    places = torch.arange(kernel, dtype=torch.float64) - (kernel - 1) / 2
    share = 1 - places.abs() / factor
    return share[:, None] * share
