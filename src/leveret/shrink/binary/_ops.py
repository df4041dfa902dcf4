"""The sums that binary layers compute, as torch operators of their own.

Under `torch.export` a binary layer shows as one node of this list, so that `leveret.pack` can recognise it and
give it to a bit kernel. In training the layers use ordinary convolutions of ±1 floats (see `_layers`), which
give the same numbers. Signs are `+1` where `x >= 0`, else `−1`; zero padding adds zero, as in `torch.nn.Conv2d`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["binary_conv2d", "binary_linear", "binary_weight_conv2d", "binary_weight_linear", "plus_minus_one"]


def plus_minus_one(x: Tensor) -> Tensor:
    """`+1` where `x >= 0`, else `−1`, in the dtype of `x`."""
    return (x >= 0).to(x.dtype).mul_(2).sub_(1)


@torch.library.custom_op("leveret::binary_conv2d", mutates_args=())
def binary_conv2d(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """`conv2d(sign(x), sign(weight))`: `(batch, in, height, width)` float to integers in float."""
    return F.conv2d(plus_minus_one(x), plus_minus_one(weight), None, stride, padding, dilation, groups)


@torch.library.custom_op("leveret::binary_linear", mutates_args=())
def binary_linear(x: Tensor, weight: Tensor) -> Tensor:
    """`linear(sign(x), sign(weight))`: `(batch, in)` to `(batch, out)`."""
    return F.linear(plus_minus_one(x), plus_minus_one(weight))


@torch.library.custom_op("leveret::binary_weight_conv2d", mutates_args=())
def binary_weight_conv2d(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """`conv2d(x, sign(weight))`: real activations, binary weights."""
    return F.conv2d(x, plus_minus_one(weight), None, stride, padding, dilation, groups)


@torch.library.custom_op("leveret::binary_weight_linear", mutates_args=())
def binary_weight_linear(x: Tensor, weight: Tensor) -> Tensor:
    """`linear(x, sign(weight))`: real activations, binary weights."""
    return F.linear(x, plus_minus_one(weight))


def _conv_shape(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    return F.conv2d(x, weight, None, stride, padding, dilation, groups)


binary_conv2d.register_fake(_conv_shape)
binary_weight_conv2d.register_fake(_conv_shape)
binary_linear.register_fake(F.linear)
binary_weight_linear.register_fake(F.linear)
