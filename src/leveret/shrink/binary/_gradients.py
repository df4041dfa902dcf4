"""Signs that can be trained through: what stands in for the derivative of a step.

Forward, all are exact signs (`+1` where `x >= 0`, else `−1`). Backward:

==============  ============================================  ===========================================
`clipped`       `g · 1[|x| < 1]`                              XNOR-Net, section 3.1 (the "clipped identity")
`approx`        `g · max(0, 2 − 2|x|)`                        Bi-Real Net, section 3.3 (piecewise quadratic)
`identity`      `g`, weights only; real weights are held        BinaryConnect, 2015; BinaryNet, 2016
                within −1..1
`paper`         `g · (1/n + α · 1[|W| < 1])`, weights only    XNOR-Net, section 3.1, for `Ŵ = α sign(W)`
==============  ============================================  ===========================================
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leveret.shrink.binary._ops import plus_minus_one

__all__ = ["approx_sign", "clipped_sign", "filter_scale", "identity_sign", "scaled_sign"]


class _ClippedSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.abs() < 1)
        return plus_minus_one(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside


class _IdentitySign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stochastic: bool) -> Tensor:
        if not stochastic:
            return plus_minus_one(x)
        return plus_minus_one((x + 1) / 2 - torch.rand_like(x))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class _ApproxSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return plus_minus_one(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads[0] * x.abs().mul_(-2).add_(2).clamp_(min=0)


class _ScaledSign(torch.autograd.Function):
    """`α sign(W)` with the paper's gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        alpha = filter_scale(weight)
        ctx.save_for_backward(weight, alpha)
        return plus_minus_one(weight) * alpha

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        weight, alpha = ctx.saved_tensors
        n = weight[0].numel()
        return grads[0] * (1.0 / n + alpha * (weight.abs() < 1))


def filter_scale(weight: Tensor) -> Tensor:
    """α = mean |W| of each output filter (XNOR-Net, eq. 6), shaped to multiply `weight`: `(out, 1, …)`."""
    return weight.abs().mean(dim=tuple(range(1, weight.dim())), keepdim=True)


def clipped_sign(x: Tensor) -> Tensor:
    """Sign with the clipped identity as gradient: `g · 1[|x| < 1]`."""
    return _ClippedSign.apply(x)


def identity_sign(x: Tensor, stochastic: bool = False) -> Tensor:
    """Sign with the identity as gradient (BinaryConnect, Courbariaux et al., NIPS 2015, section 2).

    With `stochastic` it is +1 with the probability `clamp((x + 1) / 2, 0, 1)`, the hard sigmoid, else −1 (eq. 2 and 3).
    """
    return _IdentitySign.apply(x, stochastic)


def approx_sign(x: Tensor) -> Tensor:
    """Sign with Bi-Real Net's piecewise quadratic gradient: `g · max(0, 2 − 2|x|)`."""
    return _ApproxSign.apply(x)


def scaled_sign(weight: Tensor) -> Tensor:
    """`Ŵ = α sign(W)` with XNOR-Net's gradient `∂C/∂W_i = ∂C/∂Ŵ_i (1/n + α 1[|W_i| < 1])`.

    As in the paper, only the filter's own diagonal term of ∂α/∂W is kept (`sign(W_i)²/n`), not the sum over the
    filter. Shape `(out, …)` in and out; n is the number of weights in a filter.
    """
    return _ScaledSign.apply(weight)
