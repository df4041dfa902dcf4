"""How likely the teacher q holds sequences' true tags, and how that changes with each rule's weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._chain_costs import chain_costs, list_cost
from leveret.runtime.rules._chain_posterior import ChainPosterior
from leveret.runtime.rules._lists import categories_of
from leveret.runtime.rules._program import RuleProgram

__all__ = ["likelihoods"]

Floats = NDArray[np.float64]


def likelihoods(
    program: RuleProgram, q: ChainPosterior, unary: Any, pair: Any, lengths: Any, evidence: Any,
    lists: Sequence[Sequence[Sequence[int]]], labels: NDArray[np.int64], weights: Any,
) -> tuple[Floats, Floats]:  # fmt: skip
    """log q(y) of each sequence, `(batch,)`, −∞ for what hard rules forbid; and its derivatives by λ of the rules that
    are learned, `(batch, rules)`, 0 for the others.

    Args:
        program: of tags.
        q: `chain_posterior` of the same arguments.
        unary, pair, lengths, evidence, lists, weights: as for that.
        labels: `(batch, longest)`; below 0 for none.
    """
    there = np.arange(labels.shape[1]) < np.asarray(lengths)[:, None]
    tags = np.maximum(labels, 0)
    of_tags, of_pairs = chain_costs(program, evidence, weights)
    apart = _apart(tags, lists, categories_of(program.classes))
    log_q = _along(unary - of_tags, pair - of_pairs, tags, there) - q.log_z - list_cost(program, weights) * apart
    slopes = np.zeros((len(tags), len(program.rules)))
    for i, rule in enumerate(program.rules):
        if not rule.learned:
            continue
        if rule.agree:
            slopes[:, i] = program.strength * (q.apart - apart)
            continue
        alone = replace(program, rules=(replace(rule, weight=1.0),))
        unit = chain_costs(alone, evidence)
        expected = (q.tags * unit[0]).sum((1, 2)) + (q.pairs * unit[1][:, : q.pairs.shape[1]]).sum((1, 2, 3))
        slopes[:, i] = expected - _along(*unit, tags, there)
    return log_q, slopes


def _along(unary: Any, pair: Any, tags: NDArray[np.int64], there: NDArray[np.bool_]) -> Floats:
    """What sequences of tags come to, `(batch,)`."""
    rows, places = np.arange(len(tags))[:, None], np.arange(tags.shape[1])[None]
    found = np.where(there, unary[rows, places, tags], 0.0).sum(1)
    if tags.shape[1] > 1:
        steps = np.broadcast_to(pair, (len(tags), tags.shape[1] - 1, *pair.shape[2:]))
        own = steps[rows, places[:, :-1], tags[:, :-1], tags[:, 1:]]
        found = found + np.where(there[:, 1:], own, 0.0).sum(1)
    return found


def _apart(tags: NDArray[np.int64], lists: Any, categories: NDArray[np.int64]) -> Floats:
    """How many members of lists aren't of the category of the one before, `(batch,)`."""
    return np.array(
        [
            sum(int(categories[own[a]] != categories[own[b]]) for members in found for a, b in pairwise(members))
            for own, found in zip(tags, lists, strict=True)
        ],
        np.float64,
    )
