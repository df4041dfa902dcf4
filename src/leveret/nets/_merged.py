"""`MergedClasses`: a net of many classes as one of fewer, whose probabilities are sums."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError

__all__ = ["MergedClasses"]

# stands for an output that a group lacks: its probability is 0 in float32 beside any logit of a net
_NOTHING = -1e6


class MergedClasses(nn.Module):
    """A net whose outputs are merged by group: the probability of a group is the sum of its outputs' probabilities.

    Its logits are `log Σ exp z` over each group, so that their softmax gives the sums. The runtime has neither exp nor
    log, so they are built of softplus, `log(eᵃ + eᵇ) = a + log(1 + e^(b−a))`, in pairs and pairs of pairs; for that a
    constant product puts the first outputs of all groups side by side, then the second ones, and so on. So it packs,
    in a few steps however many classes there are.

    Args:
        net: gives logits `(batch, outputs)`.
        groups: of each merged class, the outputs that belong to it; every output to one.

    Attributes:
        net: the net inside, with its own logits.
        groups: as given, as tuples.

    Shapes: as `net`; outputs `(batch, len(groups))`.

    Raises:
        LeveretUsageError: an empty group, or outputs that are missing, or in two groups; when called, a net of another
            number of outputs.
    """

    placed: Tensor
    shift: Tensor

    def __init__(self, net: nn.Module, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        found = tuple(tuple(int(i) for i in group) for group in groups)
        outputs = sorted(i for group in found for i in group)
        if not found or not all(found) or outputs != list(range(len(outputs))):
            raise LeveretUsageError(
                f"groups must have each output once, counted from 0, and at least one each; got {groups}"
            )
        self.net = net
        self.groups = found
        longest = max(map(len, found))
        placed = torch.zeros(longest, len(found), len(outputs))
        for i, group in enumerate(found):
            for j, output in enumerate(group):
                placed[j, i, output] = 1
        # they follow from the groups, so they don't belong in checkpoints
        self.register_buffer("placed", placed.flatten(0, 1), persistent=False)
        self.register_buffer("shift", _NOTHING * (1 - self.placed.sum(1)), persistent=False)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"

    def forward(self, x: Tensor) -> Tensor:
        return self.merge(self.net(x))

    def merge(self, logits: Tensor) -> Tensor:
        """The net's own logits `(batch, outputs)`, merged to `(batch, len(groups))`."""
        if not torch.compiler.is_exporting() and (logits.dim() != 2 or logits.shape[1] != self.placed.shape[1]):
            raise LeveretUsageError(
                f"the groups are of {self.placed.shape[1]} outputs, the net inside gives {tuple(logits.shape)}"
            )
        columns = F.linear(logits, self.placed.to(logits.dtype), self.shift.to(logits.dtype))
        parts = list(columns.split(len(self.groups), dim=1))
        while len(parts) > 1:
            pairs = [a + F.softplus(b - a) for a, b in zip(parts[::2], parts[1::2], strict=False)]
            parts = pairs + ([parts[-1]] if len(parts) % 2 else [])
        return parts[0]
