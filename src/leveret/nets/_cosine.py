"""`CosineLinear`: a classifier that goes by directions alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive

__all__ = ["CosineLinear"]


class CosineLinear(nn.Module):
    """Logits `s · cos(x, w_c)`: features and each class's weights have length 1, and there is no bias.

    A plain last layer gives frequent classes longer weights, and with them larger logits; here all are alike.

    Shapes: `(..., in_features)` floats → `(..., out_features)`, in [−s, s]. A row of zeros gives zeros.

    Args:
        in_features, out_features: as of `Linear`.
        scale: s, above 0. A cosine is at most 1, so s says how sure a softmax of the logits can become.

    Raises:
        LeveretUsageError: an argument out of range.

    Source: Wang et al., "CosFace", CVPR 2018, section 3.1, eq. 3; as Cao et al., NeurIPS 2019, have it for LDAM.
    """

    def __init__(self, in_features: int, out_features: int, scale: float = 30.0) -> None:
        super().__init__()
        positive(in_features=in_features, out_features=out_features)
        if not (math.isfinite(scale) and scale > 0):
            raise LeveretUsageError(f"scale must be a number above 0, got {scale}")
        self.in_features = in_features
        self.out_features = out_features
        self.scale = float(scale)
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, as `Linear` does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        # the scale goes with the weights, which a packed net has as constants
        return F.linear(F.normalize(x, dim=-1), self.scale * F.normalize(self.weight, dim=-1))

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, scale={self.scale:g}"
