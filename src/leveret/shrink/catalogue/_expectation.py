"""Expectation Backpropagation, which learns binary nets without gradients, from nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning

__all__ = ["METHODS"]


def _learned(net: nn.Module, tuning: FineTuning, hidden: tuple[int, ...], batch_size: int | None) -> nn.Module:
    from leveret.shrink.expectation import ExpectationBackpropagation

    data = tuning.data
    images = data.normalization.apply(data.train.fetch(np.arange(len(data.train))))
    if batch_size is None:
        # one by one, as the paper has it, takes a minute an epoch on tens of thousands of images
        batch_size = 1 if len(images) < 5_000 else 16
    learner = ExpectationBackpropagation(
        tuple(hidden),
        epochs=tuning.pretraining + tuning.epochs,
        batch_size=batch_size,
        seed=tuning.seed,
        progress=tuning.progress,
    )
    learner.fit(images.reshape(len(images), -1), data.train.labels)
    if len(learner.classes_) != len(data.classes):
        raise LeveretUsageError(
            f"the training part holds {len(learner.classes_)} of {len(data.classes)} classes; expectation "
            "backpropagation needs samples of each"
        )
    tuning.spent += learner.epochs
    return learner.to_net()


def _fits(net: nn.Module, images: Tensor, skip_unfit: bool, **options: Any) -> None:
    """It looks at no layer of the net."""


METHODS = (
    Method(
        "ebp",
        "Expectation Backpropagation",
        "binary",
        "Soudry, Hubara & Meir, NIPS 2014",
        "A fully connected net of weights and activations ±1 of its own, learned by Bayes' rule instead of gradients; "
        "it begins from nothing, with the real net's epochs and the methods' budget together.",
        _learned,
        checker=_fits,
        options={"hidden": (300,), "batch_size": None},
    ),
)
