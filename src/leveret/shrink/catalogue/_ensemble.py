"""Several binary nets as one: can they stand in for one real net?"""

from __future__ import annotations

import copy

from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets import Ensemble
from leveret.shrink.binary import binarize
from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning

__all__ = ["METHODS"]


def _ensemble(net: nn.Module, tuning: FineTuning, members: int) -> nn.Module:
    trained = []
    for number, epochs in enumerate(tuning.split(*[1] * _number(members))):
        small = binarize(copy.deepcopy(net), input_scale=True, skip_unfit=tuning.skip_unfit, inplace=True)
        # each sees the images in an order and with an augmentation of its own
        options = {"seed": tuning.seed + number, "lr": 2 * tuning.lr, "weight_decay": 0.0}
        trained.append(tuning.fit(small, epochs, stage=f"member-{number + 1}", **options))
    return Ensemble(trained)


def _number(members: int) -> int:
    if isinstance(members, bool) or not isinstance(members, int) or members < 1:
        raise LeveretUsageError(f"members must be a whole number of at least 1, got {members!r}")
    return members


def _fits(net: nn.Module, images: Tensor, skip_unfit: bool, members: int) -> nn.Module:
    _number(members)
    return binarize(net, input_scale=True, skip_unfit=skip_unfit)


METHODS = (
    Method(
        "binary-ensemble",
        "ensemble of XNOR nets",
        "ensemble",
        "the review that this catalogue follows, with Rastegari et al., ECCV 2016",
        "Retrains several XNOR nets from the real one, each with its share of the budget, and averages their logits.",
        _ensemble,
        checker=_fits,
        options={"members": 3},
    ),
)
