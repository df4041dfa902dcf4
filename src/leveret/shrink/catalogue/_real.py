"""The real net, as it is and trained on: what all methods are held against."""

from __future__ import annotations

from torch import nn

from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning

__all__ = ["METHODS"]


def _as_it_is(net: nn.Module, tuning: FineTuning) -> nn.Module:
    return net


def _trained_on(net: nn.Module, tuning: FineTuning) -> nn.Module:
    return tuning.fit(net)


METHODS = (
    Method(
        "real",
        "real net",
        "real",
        "–",
        "The trained net as it is, packed in float32: the baseline.",
        _as_it_is,
    ),
    Method(
        "trained-on",
        "real net, trained on",
        "real",
        "–",
        "The trained net with the methods' budget of epochs more, so that what training alone gives can be told.",
        _trained_on,
    ),
)
