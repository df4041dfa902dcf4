"""Rounding that can be trained through: values in whole steps, and the steps themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["in_steps", "odd_from_tanh", "signs_in_steps"]


class _InSteps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, low: int, high: int) -> Tensor:
        scaled = x / step
        whole = scaled.clamp(low, high).round_()
        ctx.save_for_backward(scaled, whole, step)
        ctx.ends = low, high
        return whole * step

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled, whole, step = ctx.saved_tensors
        low, high = ctx.ends
        inside = (scaled >= low) & (scaled <= high)
        for_step = None
        if ctx.needs_input_grad[1]:
            each = grads[0] * torch.where(inside, whole - scaled, whole)
            for_step = each.sum_to_size(step.shape)
        return grads[0] * inside, for_step, None, None


def in_steps(x: Tensor, step: Tensor, low: int, high: int) -> Tensor:
    """`step · clamp(round(x / step), low, high)`, ties to even, differentiable by both.

    Backward: by x the identity where it wasn't cut, by the step `round(x/s) − x/s` there and the end elsewhere (Esser
    et al., "Learned Step Size Quantization", ICLR 2020, eq. 3 and 5).
    """
    return _InSteps.apply(x, step, low, high)


class _SignsInSteps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor) -> Tensor:
        signs = torch.where(x >= 0, 1.0, -1.0).to(x.dtype)
        ctx.save_for_backward(x, signs, step)
        return signs * step

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, signs, step = ctx.saved_tensors
        for_step = (grads[0] * signs).sum_to_size(step.shape) if ctx.needs_input_grad[1] else None
        return grads[0] * (x.abs() < 1), for_step


def signs_in_steps(x: Tensor, step: Tensor) -> Tensor:
    """`step · sign(x)` with +1 for 0; by x the clipped identity `1[|x| < 1]` (XNOR-Net), by the step the sign."""
    return _SignsInSteps.apply(x, step)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def odd_from_tanh(weight: Tensor, bits: int) -> Tensor:
    """Odd whole numbers from −(2^k − 1) to 2^k − 1, differentiable past the rounding.

    `(2^k − 1)` times `2 quantize_k(tanh(w) / (2 max|tanh(w)|) + ½) − 1` of DoReFa-Net (Zhou et al., 2016, eq. 9), the
    largest taken over all of `weight`. Of weights that are all 0 it makes nothing but rounding: 1.
    """
    levels = 2**bits - 1
    bent = weight.tanh()
    largest = bent.abs().max().clamp(min=torch.finfo(weight.dtype).tiny)
    return 2 * _Round.apply(levels * (bent / (2 * largest) + 0.5)) - levels
