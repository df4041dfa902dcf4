"""`NormBoundLinear`: a linear layer whose weights can't grow beyond a norm."""

from __future__ import annotations

import torch
from torch import nn

from leveret.errors import LeveretUsageError

__all__ = ["NormBoundLinear"]


class NormBoundLinear(nn.Linear):
    """A linear layer in which no output's weight vector is longer than `max_norm`.

    `leveret.fit` calls `constrain` after each step of the optimiser, as it does with every module that has one; there
    a vector that became longer is scaled back: `w ← s w / ‖w‖₂` where `‖w‖₂ > s`.

    Source: Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012; Kim,
    EMNLP 2014, section 2.1.

    Args:
        in_features, out_features, bias: as of `torch.nn.Linear`.
        max_norm: s, above 0; infinite for no bound.

    Raises:
        LeveretUsageError: it isn't.
    """

    def __init__(self, in_features: int, out_features: int, max_norm: float = 3.0, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        if not max_norm > 0:
            raise LeveretUsageError(f"max_norm must be above 0, got {max_norm}")
        self.max_norm = max_norm

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring the weights back within the bound."""
        norms = torch.linalg.vector_norm(self.weight, dim=1, keepdim=True)
        # those within it stay to the bit
        self.weight.mul_(torch.where(norms > self.max_norm, self.max_norm / norms, 1.0))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, max_norm={self.max_norm:g}"
