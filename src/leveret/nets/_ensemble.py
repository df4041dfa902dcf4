"""`Ensemble`: several nets as one, which says what they say on average."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from leveret.errors import LeveretUsageError

__all__ = ["Ensemble"]


class Ensemble(nn.Module):
    """Nets of the same inputs and outputs, whose logits are averaged; trains, shrinks and packs as one net.

    Args:
        nets: at least one; each stays the module that it is.

    Shapes: as each net; outputs `(batch, num_classes)`.

    Raises:
        LeveretUsageError: no net.
    """

    def __init__(self, nets: Iterable[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)
        if not len(self.nets):
            raise LeveretUsageError("an ensemble needs at least one net")

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.nets
        total = first(x)
        for net in others:
            total = total + net(x)
        return total / len(self.nets)
