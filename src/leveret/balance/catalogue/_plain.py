"""Plain training: what all methods are held against."""

from __future__ import annotations

from torch import nn

from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS"]


def _plain(training: BalancedTraining) -> nn.Module:
    return training.plain_net()


METHODS = (
    Method(
        "plain",
        "plain training",
        "plain",
        "–",
        "Cross-entropy on the samples as they come: the baseline.",
        _plain,
        from_plain=True,
        keeps_objective=True,
    ),
)
