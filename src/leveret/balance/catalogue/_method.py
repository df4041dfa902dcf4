"""`Method`: one entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from leveret._catalogue import Entry
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["Method"]


@dataclass(frozen=True)
class Method(Entry):
    """A way to train a net on data in which some class is rare.

    Beside what every `Entry` tells:

    Attributes:
        family: "plain", "sampling", "data", "loss", "prior" or "ensemble".
        maker: of a `BalancedTraining` and `options`: a trained net whose outputs are the data's classes.
        from_plain: it begins with a plainly trained net.
        keeps_objective: it trains with the recipe's objective, where that has one; all others bring their
            own, or change the net.
    """

    from_plain: bool = False
    keeps_objective: bool = False

    def make(self, training: BalancedTraining, **options: Any) -> nn.Module:
        """A trained net, in eval mode.

        Args:
            training: data, fresh nets, budget and how to train; it keeps the history.
            options: in place of the method's defaults.

        Raises:
            LeveretUsageError: an option that the method lacks, or a value, net or data that doesn't fit.
            LeveretTrainingError: training diverged before an epoch was finished.
            KeyboardInterrupt: Ctrl-C; what was finished is kept in `training.out`.
        """
        chosen = self.with_defaults(options)
        torch.manual_seed(training.seed)
        return self.maker(training, **chosen).eval()
