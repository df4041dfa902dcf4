"""`Refined`: a net and the CRF behind it, as one net."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from leveret.context._crf import DenseCRF, LearnedCRF
from leveret.errors import LeveretUsageError

__all__ = ["Refined"]


class Refined(nn.Module):
    """`crf(net(x), pixels of x)`: trains and predicts as one net, from images as the net takes them.

    It doesn't pack, as the CRF builds a filter for each image; pack the net, and refine its logits with the CRF.

    Args:
        net: maps images `(batch, channels, height, width)` to logits `(batch, classes, height, width)`.
        crf: a `LearnedCRF`, which learns with the net, or a `DenseCRF`.
        normalization: `mean` and `std` per channel, with which images of pixels in 0..1 were normalised, as
            `data.normalization`: undone for the CRF, which then sees 0 to 255. None: the CRF sees what the net sees,
            and its `color_bandwidth` is in that unit.

    Raises:
        LeveretUsageError: the CRF is something else.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, crf: DenseCRF | LearnedCRF, normalization: Any = None) -> None:
        super().__init__()
        if not isinstance(crf, (DenseCRF, LearnedCRF)):
            raise LeveretUsageError(f"crf must be a DenseCRF or a LearnedCRF, got {type(crf).__name__}")
        self.net = net
        self.crf = crf
        mean, std = ((0.0,), (1 / 255,)) if normalization is None else (normalization.mean, normalization.std)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            pixels = (x * self.std + self.mean) * 255
        return self.crf(self.net(x), pixels)
