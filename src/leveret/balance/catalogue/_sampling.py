"""Methods that draw the training samples at other frequencies, or train on those that are hard."""

from __future__ import annotations

from torch import nn

from leveret.balance import FrequencySampler, HardMining
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS"]


def _frequency(training: BalancedTraining, *, power: float) -> nn.Module:
    sampler = FrequencySampler(training.data.train.labels, power, seed=training.seed)
    return training.fit(training.fresh_net(), sampler=sampler)


def _mining(training: BalancedTraining, *, mix: float, warmup: float) -> nn.Module:
    objective = HardMining(training.counts, mix=mix, warmup=max(1, round(warmup * training.epochs)))
    return training.fit(training.fresh_net(), objective=objective)


METHODS = (
    Method(
        "frequency-sampling",
        "frequency sampling",
        "sampling",
        "a practitioners' rule",
        "Each class is drawn with a probability of 1/n to the power: 1 shows all classes alike often.",
        _frequency,
        {"power": 1.0},
        keeps_objective=True,
    ),
    Method(
        "square-root-sampling",
        "square-root sampling",
        "sampling",
        "Mahajan et al., 2018",
        "Half-way between the natural frequencies and even ones.",
        _frequency,
        {"power": 0.5},
        keeps_objective=True,
    ),
    Method(
        "hard-mining",
        "hard mining",
        "sampling",
        "Shrivastava et al., 2016",
        "Of each batch the rare class's samples and as many of the frequent one's that are hardest, besides a share "
        "of the plain loss.",
        _mining,
        {"mix": 0.5, "warmup": 0.2},
    ),
)
