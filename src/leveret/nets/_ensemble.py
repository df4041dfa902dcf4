"""`Ensemble`: several nets as one, which says what they say on average."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from leveret.errors import LeveretUsageError

__all__ = ["Ensemble"]


class Ensemble(nn.Module):
    """Nets of the same inputs and outputs, whose logits are averaged; trains, shrinks and packs as one net.

    Args:
        nets: at least one; each stays the module that it is.
        weights: of each net in the average, at least 0, as fractions or as counts, for instance how often
            `leveret.distill.best_subset` took it; nets of weight 0 are left out. Default: all alike.

    Attributes:
        weights: fractions, for the nets that are left.

    Shapes: as each net; outputs `(batch, num_classes)`.

    Raises:
        LeveretUsageError: no net, or weights that are not one each, below 0, or all 0.
    """

    def __init__(self, nets: Iterable[nn.Module], weights: Sequence[float] | None = None) -> None:
        super().__init__()
        members = list(nets)
        if not members:
            raise LeveretUsageError("an ensemble needs at least one net")
        shares = [1.0] * len(members) if weights is None else [float(weight) for weight in weights]
        if len(shares) != len(members):
            raise LeveretUsageError(f"an ensemble needs a weight for each net, got {len(shares)} for {len(members)}")
        if not all(math.isfinite(share) and share >= 0 for share in shares) or sum(shares) == 0:
            raise LeveretUsageError(f"an ensemble's weights must be at least 0, and not all 0; got {shares}")
        left = [i for i, share in enumerate(shares) if share > 0]
        self.nets = nn.ModuleList(members[i] for i in left)
        self.weights = tuple(shares[i] / sum(shares) for i in left)

    def extra_repr(self) -> str:
        return f"weights={self.weights}"

    def forward(self, x: Tensor) -> Tensor:
        alike = len(set(self.weights)) == 1
        total: Tensor | None = None
        for net, weight in zip(self.nets, self.weights, strict=True):
            logits = net(x) if alike else net(x) * weight
            total = logits if total is None else total + logits
        assert total is not None
        return total / len(self.nets) if alike else total
