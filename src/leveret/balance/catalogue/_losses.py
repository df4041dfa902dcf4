"""Methods that weigh the loss: by class, by difficulty, by margin."""

from __future__ import annotations

from torch import nn

from leveret.balance import LDAM, FocalLoss, LogitAdjusted, WeightedCrossEntropy, class_weights, cosine_classifier
from leveret.balance import effective_number_weights as effective
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS"]


def _class_weights(training: BalancedTraining, *, power: float) -> nn.Module:
    objective = WeightedCrossEntropy(class_weights(training.counts, power))
    return training.fit(training.fresh_net(), objective=objective)


def _class_balanced(training: BalancedTraining, *, beta: float) -> nn.Module:
    objective = WeightedCrossEntropy(effective(training.counts, beta))
    return training.fit(training.fresh_net(), objective=objective)


def _focal(training: BalancedTraining, *, gamma: float) -> nn.Module:
    return training.fit(training.fresh_net(), objective=FocalLoss(gamma))


def _logit_adjusted(training: BalancedTraining, *, tau: float) -> nn.Module:
    return training.fit(training.fresh_net(), objective=LogitAdjusted(training.counts, tau))


def _ldam(training: BalancedTraining, *, max_margin: float, scale: float, defer: float, beta: float) -> nn.Module:
    net = cosine_classifier(training.fresh_net(), scale=scale)
    objective = LDAM(training.counts, max_margin=max_margin, scale=scale, defer=defer, beta=beta)
    return training.fit(net, objective=objective)


METHODS = (
    Method(
        "class-weights",
        "class weights",
        "loss",
        "King & Zeng, 2001",
        "Each sample's loss is weighed by 1/n of its class, to the power.",
        _class_weights,
        {"power": 1.0},
    ),
    Method(
        "class-balanced",
        "class-balanced loss",
        "loss",
        "Cui et al., 2019",
        "Weights by the effective number of samples, (1 − βⁿ)/(1 − β), which grows slower than n.",
        _class_balanced,
        {"beta": 0.999},
    ),
    Method(
        "focal",
        "focal loss",
        "loss",
        "Lin et al., 2017",
        "Samples that the net is sure of count less, by (1 − p)^γ.",
        _focal,
        {"gamma": 2.0},
    ),
    Method(
        "logit-adjusted",
        "logit adjustment, training",
        "prior",
        "Menon et al., 2021, eq. 10",
        "The log of each class's frequency is added to its logit while training, so that the net learns the rest.",
        _logit_adjusted,
        {"tau": 1.0},
    ),
    Method(
        "ldam-drw",
        "LDAM with deferred weights",
        "loss",
        "Cao et al., 2019",
        "Margins that grow as n^(−1/4) for rare classes; class-balanced weights for the last part of the training.",
        _ldam,
        {"max_margin": 0.5, "scale": 30.0, "defer": 0.8, "beta": 0.9999},
    ),
)
