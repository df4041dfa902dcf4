"""What int8 layers compute, as torch operators of their own, in the arithmetic of packed nets.

Under `torch.export` a layer shows as one node of this list, so that `leveret.pack` can give it to a kernel of bytes.
Both compute the same numbers, to the last bit: `q = clamp(round(x / step), low, high)`, sums of whole numbers, which
are exact, rounded to float32 once, and `fma(sum, scale, shift)`, rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["int8_conv", "int8_linear", "whole_values"]

# up to here float32 holds every whole number, and so every part of a sum, in whatever order it is added up
_EXACT = 1 << 24


@torch.library.custom_op("leveret::int8_conv", mutates_args=())
def int8_conv(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    step: Tensor,
    levels: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Convolution, over one or two dimensions as `weight` has, of `x` in whole steps.

    Args:
        x: `(batch, in, …)` real.
        weight: `(out, in / groups, …)` int8.
        scale, shift: `(out,)` float32, of each filter's sums; `step` is part of `scale`.
        step, levels: float32 of no dimension, and the lowest and highest whole value, `(2,)`.
        stride, padding, dilation, groups: as in `torch.nn.Conv2d`; a number per dimension.
    """
    convolve = F.conv1d if weight.dim() == 3 else F.conv2d

    def sums(values: Tensor, weight: Tensor) -> Tensor:
        return convolve(values, weight, None, stride, padding, dilation, groups)

    return _epilogue(sums, x, weight, scale, shift, step, levels)


@torch.library.custom_op("leveret::int8_linear", mutates_args=())
def int8_linear(x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, step: Tensor, levels: Tensor) -> Tensor:
    """Product of rows `(…, in)` in whole steps with `weight`, `(out, in)` int8; see `int8_conv`."""
    return _epilogue(F.linear, x, weight, scale, shift, step, levels)


def whole_values(x: Tensor, step: Tensor, levels: Tensor) -> Tensor:
    """`clamp(round(x / step), low, high)`, ties to even, as float32; NaN becomes `low`, as in the runtime."""
    low, high = levels.float()
    v = x.float() / step.float()
    v = torch.where(v > low, v, low)
    return torch.where(v < high, v, high).round_()


def _epilogue(
    product: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    step: Tensor,
    levels: Tensor,
) -> Tensor:
    most = weight.float().abs().flatten(1).sum(1).max() * levels.abs().max()
    dtype = torch.float32 if most <= _EXACT else torch.float64
    with torch.autocast(x.device.type, enabled=False):
        sums = product(whole_values(x, step, levels).to(dtype), weight.to(dtype))
    per_filter = (-1, *[1] * (weight.dim() - 2))
    return _fma(sums.float(), scale.float().view(per_filter), shift.float().view(per_filter)).to(x.dtype)


def _fma(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """`x · scale + shift` of float32, rounded once: the double is rounded to odd (Boldo and Melquiond, 2008).

    Doubles hold the product exactly. Where adding lost something, the last bit is made 1, so that rounding to float32
    can't take for a tie what isn't one.
    """
    product, more = x.double() * scale.double(), shift.double()
    total = product + more
    of_more = total - product
    lost = (product - (total - of_more)) + (more - of_more)  # exact (Knuth, TAOCP 2, section 4.2.2)
    bits = total.view(torch.int64)
    inexact = (lost != 0) & (bits % 2 == 0)
    toward = torch.where((lost > 0) == (total > 0), 1, -1)
    return torch.where(inexact, bits + toward, bits).view(torch.float64).float()


def _conv_shape(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    step: Tensor,
    levels: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    convolve = F.conv1d if weight.dim() == 3 else F.conv2d
    return convolve(x, weight.to(x.dtype), None, stride, padding, dilation, groups)


def _linear_shape(x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, step: Tensor, levels: Tensor) -> Tensor:
    return F.linear(x, weight.to(x.dtype))


int8_conv.register_fake(_conv_shape)
int8_linear.register_fake(_linear_shape)
