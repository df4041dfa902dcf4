"""`L2Norm`: feature vectors of length 1, times a learned scale per channel."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive, traced

__all__ = ["L2Norm"]


class L2Norm(nn.Module):
    """`y_i = γ_i x_i / ‖x‖₂`: at each place the vector over channels, made of length 1, then scaled per channel.

    Features of different layers differ in size by orders of magnitude, and where they are joined the largest would win.
    Made of one length they count alike, and the scale lets each channel find its own size again; without it a length of
    1 over many channels leaves values so small that learning is slow (ParseNet, section 3.2).

    The gradients, which autograd gives, are the paper's (section 3.3, equations 3 to 5): with x̂ = x / ‖x‖₂,
    ∂ℓ/∂γ_i = Σ ∂ℓ/∂y_i x̂_i and ∂ℓ/∂x = (I − x̂ x̂ᵀ) (γ ∂ℓ/∂y) / ‖x‖₂.

    Shapes: `(batch, channels)` or `(batch, channels, …)` float → the same.

    Args:
        channels: of what comes in.
        scale: every γ at the start; 10 and 20 are the paper's values.
        eps: vectors shorter than this are divided by it instead, so that zeros stay zeros. The paper has none.

    Raises:
        LeveretUsageError: an argument out of range; when called, another number of channels.

    Source: Liu, Rabinovich and Berg, "ParseNet: Looking Wider to See Better", 2015, arXiv 1506.04579, sections 3.2 and
    3.3.
    """

    def __init__(self, channels: int, scale: float = 10.0, *, eps: float = 1e-5) -> None:
        super().__init__()
        positive(channels=channels)
        if not (math.isfinite(scale) and scale != 0):
            raise LeveretUsageError(f"scale must be a finite number other than 0, got {scale!r}")
        if not 0 < eps < 1:
            raise LeveretUsageError(f"eps must be above 0 and below 1, got {eps!r}")
        self.scale = scale
        self.eps = eps
        self.weight = nn.Parameter(torch.full((channels,), float(scale)))

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, scale={self.scale:g}"

    def forward(self, x: Tensor) -> Tensor:
        if not traced(x) and (x.dim() < 2 or x.shape[1] != len(self.weight)):
            raise LeveretUsageError(f"L2Norm takes (batch, {len(self.weight)}, …), got {tuple(x.shape)}")
        return F.normalize(x, dim=1, eps=self.eps) * self.weight.view(-1, *[1] * (x.dim() - 2))
