"""Methods of many nets."""

from __future__ import annotations

from typing import Any

from torch import nn

from leveret.balance import balanced_subsets, train_subsets
from leveret.balance.catalogue._method import Method
from leveret.balance.catalogue._training import BalancedTraining

__all__ = ["METHODS"]


_LEAST = 4  # members, below which everything is dealt out again: two hardly vote


def _subsets(training: BalancedTraining, *, members: int, rounds: int | None) -> nn.Module:
    labels, seed = training.data.train.labels, training.seed
    subsets = balanced_subsets(labels, max_members=members, rounds=rounds or 1, seed=seed)
    if rounds is None and len(subsets) < min(_LEAST, members):
        subsets = balanced_subsets(
            labels, max_members=members, rounds=-(-min(_LEAST, members) // len(subsets)), seed=seed
        )
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
        "they vote: at least four, for which mild skew is dealt out more than once.",
        _subsets,
        {"members": 8, "rounds": None},
    ),
)
