"""Methods of many nets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leveret.balance import balanced_bootstraps, balanced_subsets, refit_classifier, train_subsets
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining
from leveret.nets import Ensemble

__all__ = ["METHODS"]


_LEAST = 4  # members, below which everything is dealt out again: two hardly vote


def _subsets(training: BalancedTraining, *, members: int, rounds: int | None) -> nn.Module:
    labels, seed = training.data.train.labels, training.seed
    subsets = balanced_subsets(labels, max_members=members, rounds=rounds or 1, seed=seed)
    if rounds is None and len(subsets) < min(_LEAST, members):
        subsets = balanced_subsets(
            labels, max_members=members, rounds=-(-min(_LEAST, members) // len(subsets)), seed=seed
        )
    return _voting(training, subsets)


def _bagged(training: BalancedTraining, *, members: int, power: float, refit: bool) -> nn.Module:
    labels = training.data.train.labels
    net = _voting(training, balanced_bootstraps(labels, members=members, power=power, seed=training.seed))
    if not refit:
        return net
    return Ensemble(refit_classifier(member, training.data) for member in net.nets)


def _voting(training: BalancedTraining, places: Sequence[NDArray[np.int64]]) -> Ensemble:
    """A net for each set of places, with the budget's epochs each."""
    results: list[dict[str, Any]] = []
    assert training.make_net is not None
    net = train_subsets(
        training.make_net,
        training.data,
        places,
        out=training.out,
        seed=training.seed,
        workers=training.workers or 1,
        threads=training.threads,
        progress=training.progress,
        results=results,
        epochs=training.epochs,
        **training.options,
    )
    for result in results:
        training.note(result["history"])
    return net


METHODS = (
    Method(
        "balanced-subsets",
        "balanced subsets",
        "ensemble",
        "Liu, Wu & Zhou, 2009",
        "The frequent classes are dealt out over subsets, each with all of the rare one; a net learns from each, and "
        "they vote: at least four, for which mild skew is dealt out more than once.",
        _subsets,
        {"members": 8, "rounds": None},
    ),
    Method(
        "bagging",
        "bagging, refitted",
        "ensemble",
        "Breiman, 1996; Kang et al., 2020",
        "A net learns from each of several bootstraps of the samples as they come; its last layer is then fitted to "
        "them all with the classes counting alike, as in classifier refitting, and the nets vote. With power 1 the "
        "bootstraps are even, too: over-bagging.",
        _bagged,
        {"members": 8, "power": 0.0, "refit": True},
    ),
)
