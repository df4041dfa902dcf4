"""One trained layer as several smaller ones: the best of their kind in least squares.

Each function gives the layers in order, the last with the bias. Windows, strides and padding are shared out so that the
output keeps its shape; at the borders the result is that of the smaller kernels in a row.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from leveret.shrink._windows import padding_of

__all__ = [
    "low_rank_conv",
    "low_rank_linear",
    "pointwise",
    "separable",
    "singular_values",
    "spatial",
    "two_pointwise",
]


def singular_values(weight: Tensor) -> Tensor:
    """Of a weight as the matrix that a method cuts, the largest first."""
    return torch.linalg.svdvals(weight.detach().double())


def _halves(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """`matrix ≈ left @ right` of rank `rank`, the singular values shared evenly (Eckart and Young, 1936)."""
    u, s, v = torch.linalg.svd(matrix.detach().double(), full_matrices=False)
    root = s[:rank].sqrt()
    return (u[:, :rank] * root).to(matrix.dtype), (root[:, None] * v[:rank]).to(matrix.dtype)


def low_rank_linear(layer: nn.Linear, rank: int) -> list[nn.Module]:
    """`W ≈ A B`: two layers with `rank` features between them."""
    left, right = _halves(layer.weight, rank)
    first = nn.Linear(layer.in_features, rank, bias=False)
    second = nn.Linear(rank, layer.out_features, bias=layer.bias is not None)
    return _filled([(first, right), (second, left)], layer.bias)


def low_rank_conv(layer: nn.Conv2d, rank: int) -> list[nn.Module]:
    """The same kernel with `rank` filters, then a 1x1 convolution (Zhang et al., 2015, section 3.1)."""
    left, right = _halves(layer.weight.flatten(1), rank)
    first = _conv(layer, layer.in_channels, rank, layer.kernel_size, whole=True)
    second = _conv(layer, rank, layer.out_channels, (1, 1), bias=True)
    weights = right.view(rank, layer.in_channels, *layer.kernel_size), left[:, :, None, None]
    return _filled([(first, weights[0]), (second, weights[1])], layer.bias)


def spatial(layer: nn.Conv2d, rank: int) -> list[nn.Module]:
    """A column, then a row: k x k as k x 1 and 1 x k (Jaderberg et al., BMVC 2014, scheme 2)."""
    outputs, inputs, height, width = layer.weight.shape
    matrix = layer.weight.permute(1, 2, 0, 3).reshape(inputs * height, outputs * width)
    left, right = _halves(matrix, rank)
    first = _conv(layer, inputs, rank, (height, 1), axis=0)
    second = _conv(layer, rank, outputs, (1, width), axis=1, bias=True)
    down = left.T.reshape(rank, inputs, height, 1)
    across = right.reshape(rank, outputs, width).transpose(0, 1).reshape(outputs, rank, 1, width)
    return _filled([(first, down), (second, across)], layer.bias)


def pointwise(layer: nn.Conv2d) -> list[nn.Module]:
    """A 1x1 convolution that gives on even images what the kernel gave: its taps added up."""
    channels = layer.in_channels, layer.out_channels
    new = _conv(layer, *channels, (1, 1), stride=layer.stride, groups=layer.groups, bias=True)
    return _filled([(new, layer.weight.sum((2, 3), keepdim=True))], layer.bias)


def two_pointwise(layer: nn.Conv2d, rank: int) -> list[nn.Module]:
    """Two 1x1 convolutions with `rank` channels between them, of `pointwise`'s weights."""
    left, right = _halves(layer.weight.sum((2, 3)), rank)
    first = _conv(layer, layer.in_channels, rank, (1, 1), stride=layer.stride)
    second = _conv(layer, rank, layer.out_channels, (1, 1), bias=True)
    return _filled([(first, right[:, :, None, None]), (second, left[:, :, None, None])], layer.bias)


def separable(layer: nn.Conv2d) -> list[nn.Module]:
    """One filter per channel, then a 1x1 convolution: each input channel's kernels by their best rank 1."""
    outputs, inputs, height, width = layer.weight.shape
    per_input = layer.weight.detach().double().permute(1, 0, 2, 3).flatten(2)  # (in, out, taps)
    u, s, v = torch.linalg.svd(per_input, full_matrices=False)
    root = s[:, :1].sqrt()
    first = _conv(layer, inputs, inputs, (height, width), whole=True, groups=inputs)
    second = _conv(layer, inputs, outputs, (1, 1), bias=True)
    kernels = (root * v[:, 0]).view(inputs, 1, height, width)
    mixes = (root * u[:, :, 0]).T[:, :, None, None]
    return _filled([(first, kernels), (second, mixes)], layer.bias)


def _conv(
    layer: nn.Conv2d,
    inputs: int,
    outputs: int,
    kernel: tuple[int, ...],
    *,
    whole: bool = False,
    axis: int | None = None,
    stride: tuple[int, ...] = (1, 1),
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """A convolution with the whole window of `layer`, with its window along one axis alone, or of one place."""
    window: Any = [stride, (0, 0), (1, 1)]
    own = layer.stride, padding_of(layer), layer.dilation
    if whole:
        window = own
    elif axis is not None:
        window = [
            [n if at == axis else unit for at, n in enumerate(values)]
            for values, unit in zip(own, (1, 0, 1), strict=True)
        ]
    stride, padding, dilation = (tuple(values) for values in window)
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return nn.Conv2d(inputs, outputs, kernel, bias=bias and layer.bias is not None, **options)  # type: ignore[arg-type]


def _filled(parts: list[tuple[nn.Linear | nn.Conv2d, Tensor]], bias: Tensor | None) -> list[nn.Module]:
    with torch.no_grad():
        for part, weight in parts:
            part.weight.copy_(weight)
        last = parts[-1][0]
        if bias is not None and last.bias is not None:
            last.bias.copy_(bias)
    return [part for part, _ in parts]
