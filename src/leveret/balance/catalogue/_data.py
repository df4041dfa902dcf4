"""Methods that change the training part: fewer samples of the frequent classes, or more classes of them."""

from __future__ import annotations

from typing import Any

from torch import nn

from leveret.balance import ClusterCentres, pseudo_classes
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS"]


def _centres(training: BalancedTraining, *, features: str, nearest: bool) -> nn.Module:
    centres = ClusterCentres(nearest=nearest, seed=training.seed)
    data = centres.resample(training.data, net=training.plain_net() if features == "learned" else None)
    return training.fit(training.fresh_net(), training.passes(len(data.train)), data=data)


def _pseudo(training: BalancedTraining, *, k: Any, features: str) -> nn.Module:
    plain = training.plain_net() if features == "learned" else None
    pseudo = pseudo_classes(training.data, k, net=plain, seed=training.seed)
    net = pseudo.net(training.fresh_net())
    return training.fit(net, objective=pseudo.objective())


METHODS = (
    Method(
        "cluster-centres",
        "cluster centres",
        "data",
        "Lin et al., 2017; imbalanced-learn",
        "The frequent classes are clustered into as many clusters as the rarest has samples, and the samples nearest "
        "to the centres stay.",
        _centres,
        {"features": "learned", "nearest": True},
        from_plain=True,
    ),
    Method(
        "pseudo-classes",
        "pseudo-classes",
        "data",
        "Japkowicz, 2001",
        "The frequent classes are split into clusters, which are trained as classes of their own; their probabilities "
        "are added up again.",
        _pseudo,
        {"k": None, "features": "learned"},
        from_plain=True,
    ),
)
