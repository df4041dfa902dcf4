"""`PyramidPooling`: context from means over parts of the image, coarse and fine."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive, traced

__all__ = ["PyramidPooling"]


class PyramidPooling(nn.Module):
    """A map beside its means over 1, 2x2, 3x3 and 6x6 parts of the image, each narrowed, normalised and scaled up.

    The first level is ParseNet's global context; the others also say roughly where things are.

    Shapes: `(batch, channels, height, width)` → `(batch, out_channels, height, width)`.

    Args:
        channels: of the map.
        bins: into how many parts a side each level cuts the image; parts overlap by a place where they don't divide.
        level_channels: to which a 1x1 convolution narrows each level; default: channels over the number of levels, so
            that all levels together weigh as much as the map.
        batch_norm: normalise each level, as the paper does; else its convolution has a bias. In training a level of one
            part then needs batches of at least two images.

    Attributes:
        out_channels: `channels + len(bins) · level_channels`.

    Raises:
        LeveretUsageError: an argument out of range; when called, another number of channels, or in training, with
            `batch_norm` and a level of one part, a single image.

    Source: Zhao, Shi, Qi, Wang and Jia, "Pyramid Scene Parsing Network", CVPR 2017, section 3.2.
    """

    def __init__(
        self,
        channels: int,
        bins: Sequence[int] = (1, 2, 3, 6),
        *,
        level_channels: int | None = None,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        if not bins:
            raise LeveretUsageError("bins must name at least one level, got none")
        positive(channels=channels, **{f"bins[{i}]": n for i, n in enumerate(bins)})
        width = max(1, channels // len(bins)) if level_channels is None else level_channels
        positive(level_channels=width)
        self.channels = channels
        self.bins = tuple(bins)
        self.batch_norm = batch_norm
        self.out_channels = channels + len(bins) * width
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(n),
                nn.Conv2d(channels, width, 1, bias=not batch_norm),
                *([nn.BatchNorm2d(width)] if batch_norm else []),
                nn.ReLU(inplace=True),
            )
            for n in bins
        )

    def forward(self, x: Tensor) -> Tensor:
        if not traced(x):
            if x.dim() != 4 or x.shape[1] != self.channels:
                raise LeveretUsageError(f"a map must be (batch, {self.channels}, height, width), got {tuple(x.shape)}")
            if self.training and self.batch_norm and len(x) == 1 and 1 in self.bins:
                raise LeveretUsageError(
                    "in training, batch norm of a level of one part needs at least two images a batch: give larger "
                    "batches, or batch_norm=False"
                )
        size = x.shape[2:]
        levels = [F.interpolate(level(x), size=size, mode="bilinear", align_corners=False) for level in self.levels]
        return cat([x, *levels], 1)
