"""Learned shifts around a sign: RSign and RPReLU (ReActNet, Liu et al., ECCV 2020, section 4.2).

A binary layer takes the sign of its input, so a shift of the input moves the threshold of each channel. `LearnedShift`
before a binary layer is the paper's RSign; `RPReLU` after it reshapes the distribution for the next sign.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LearnedShift", "RPReLU"]


class LearnedShift(nn.Module):
    """`x + b` with one learned b per channel, 0 at the start: `(batch, channels, …)` in and out.

    Followed by a binary layer it is ReActNet's RSign, `sign(x − α)`, with b = −α (eq. 3).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + _per_channel(self.bias, x)

    def extra_repr(self) -> str:
        return f"{self.bias.numel()}"


class RPReLU(nn.Module):
    """`PReLU(x − γ) + ζ` with γ, ζ and the slope β learned per channel (eq. 4); starts as PReLU with slope 0.25."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = LearnedShift(channels)
        self.slope = nn.Parameter(torch.full((channels,), 0.25))
        self.after = LearnedShift(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(F.prelu(self.before(x), self.slope))


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (like.dim() - 2))
