"""Rounding that can be trained through: values in whole steps, and the steps themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["in_steps", "signs_in_steps"]


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
