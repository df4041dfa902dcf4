"""Methods that mend a plainly trained net: its outputs, or its last layer."""

from __future__ import annotations

import math

from torch import nn

from leveret.balance import adjust_logits, refit_classifier, retrain_classifier, tune_tau
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining
from leveret.training import logits_of

__all__ = ["METHODS"]

_STEPS = 1000  # of retraining, at least; on stored features they cost next to nothing


def _adjusted(training: BalancedTraining, *, tau: float | None) -> nn.Module:
    net = training.plain_net()
    if tau is None:
        tau = 1.0
        if len(training.data.val):
            logits = logits_of(net, training.data, "val")
            tau = tune_tau(logits, training.data.val.labels, training.counts)
    return adjust_logits(net, training.counts, tau)


def _retrained(training: BalancedTraining, *, lr: float) -> nn.Module:
    return retrain_classifier(
        training.plain_net(),
        training.data,
        epochs=max(training.epochs, math.ceil(_STEPS / max(1, len(training.data.train) // training.batch_size))),
        lr=lr,
        batch_size=training.batch_size,
        seed=training.seed,
        progress=training.progress,
    )


def _refitted(training: BalancedTraining, *, power: float) -> nn.Module:
    return refit_classifier(training.plain_net(), training.data, power=power)


METHODS = (
    Method(
        "logit-adjusted-post",
        "logit adjustment, afterwards",
        "prior",
        "Menon et al., 2021, eq. 9",
        "The log of each class's frequency, times a τ found on the validation part, is taken from the plain net's "
        "logits.",
        _adjusted,
        {"tau": None},
        from_plain=True,
    ),
    Method(
        "classifier-retraining",
        "classifier retraining",
        "prior",
        "Kang et al., 2020",
        "The plain net's features stay; its last layer is drawn anew and trained on all classes alike often.",
        _retrained,
        {"lr": 0.01},
        from_plain=True,
    ),
    Method(
        "classifier-refitting",
        "classifier refitting",
        "prior",
        "after Kang et al., 2020",
        "The plain net's features stay; its last layer becomes a logistic regression in which the classes count alike, "
        "its weights as small as the validation part likes best.",
        _refitted,
        {"power": 1.0},
        from_plain=True,
    ),
)
