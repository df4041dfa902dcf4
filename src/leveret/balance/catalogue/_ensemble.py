"""Methods of many nets."""

from __future__ import annotations

from typing import Any

from torch import nn

from leveret.balance import balanced_subsets, train_subsets
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS"]


def _subsets(training: BalancedTraining, *, members: int) -> nn.Module:
    subsets = balanced_subsets(training.data.train.labels, max_members=members, seed=training.seed)
    results: list[dict[str, Any]] = []
    assert training.make_net is not None
    net = train_subsets(
        training.make_net,
        training.data,
        subsets,
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
        "they vote.",
        _subsets,
        {"members": 8},
    ),
)
