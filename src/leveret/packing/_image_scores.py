"""Scores of places that follow from the image alone, as nets that pack: `LocalVariance` and `Edges` of one size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["EdgeScores", "VarianceScores"]


class _FieldMeans(nn.Module):
    """The mean over each place's field, as far as it lies on the image: over the field, by that of ones."""

    def __init__(self, geometry: Any, height: int, width: int) -> None:
        super().__init__()
        rows, columns = geometry.rows, geometry.columns
        self.around = (*columns.padding(width), *rows.padding(height))
        self.size, self.stride = geometry.size, geometry.stride

    def forward(self, values: Tensor) -> Tensor:
        ones = values[:, :1] * 0 + 1
        means = F.avg_pool2d(F.pad(torch.cat([values, ones], 1), self.around), self.size, self.stride)
        return means[:, :-1] / means[:, -1:]


class VarianceScores(nn.Module):
    """As `LocalVariance`, `(n, channels, height, width)` to `(n, places)`."""

    def __init__(self, geometry: Any, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.channels = channels
        self.means = _FieldMeans(geometry, height, width)

    def forward(self, images: Tensor) -> Tensor:
        centred = images - images.mean((2, 3), keepdim=True)
        means = self.means(torch.cat([centred, centred * centred], 1))
        mean, square = means[:, : self.channels], means[:, self.channels :]
        return (square - mean * mean).clamp(min=0).mean(1).flatten(1)


class EdgeScores(nn.Module):
    """As `Edges`, `(n, channels, height, width)` to `(n, places)`."""

    taps: Tensor

    def __init__(self, geometry: Any, channels: int, height: int, width: int) -> None:
        super().__init__()
        across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
        self.register_buffer("taps", torch.stack([across, across.T])[:, None].repeat(channels, 1, 1, 1))
        self.channels = channels
        self.means = _FieldMeans(geometry, height, width)

    def forward(self, images: Tensor) -> Tensor:
        slopes = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), self.taps, groups=self.channels)
        each = [slopes[:, 2 * c : 2 * c + 2].norm(dim=1, keepdim=True) for c in range(self.channels)]
        return self.means(torch.cat(each, 1)).mean(1).flatten(1)
