"""The teacher's closed form against minimising what it minimises, and dynamic programming against all sequences."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules import log_posterior
from leveret.runtime.rules._chain import best_paths
from leveret.runtime.rules._chain_tied import tied
from leveret.runtime.rules._lists import categories_of, remembering

__all__ = ["Setting", "measure"]

_CLASSES, _RULES = 4, 3
_TAGS = ("O", "B-x", "I-x", "B-y")
_LENGTH = 6


@dataclass(frozen=True)
class Setting:
    """How much is compared.

    Attributes:
        cases: random ones, of distributions and of chains.
    """

    cases: int = 200


FULL = Setting()


def measure(
    seeds: int | None, data: Path | None, runs: Path, setting: Setting = FULL
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and details for the page."""
    generator = np.random.default_rng(0)
    gaps = [_closed_form(generator) for _ in range(setting.cases)]
    chains = [_chain(generator, with_list=i % 2 == 1) for i in range(setting.cases)]
    figures = {
        "exact_objective_gap": max(gap for gap, _ in gaps),
        "exact_q_difference": max(difference for _, difference in gaps),
        "exact_chain_difference": max(difference for difference, _ in chains),
        "exact_paths_differing": sum(differs for _, differs in chains),
    }
    return figures, {
        "cases": setting.cases, "classes": _CLASSES, "rules": _RULES, "tags": len(_TAGS), "length": _LENGTH,
    }  # fmt: skip


def _closed_form(generator: np.random.Generator) -> tuple[float, float]:
    """How much lower the objective of the best found q is than ours, and the largest difference in probability."""
    from scipy.optimize import minimize

    p = generator.dirichlet(np.ones(_CLASSES))
    truths, weights = generator.random((_RULES, _CLASSES)), generator.uniform(0, 2, _RULES)
    strength = generator.uniform(0.1, 6)
    penalties = strength * (weights[:, None] * (1 - truths)).sum(0)
    ours = np.exp(log_posterior(np.log(p)[None], penalties[None], np.zeros((1, _CLASSES), bool)))[0]

    def objective(q: NDArray[np.float64]) -> float:
        slack = weights * (1 - truths @ q)
        return float((q * np.log(np.maximum(q, 1e-300) / p)).sum() + strength * slack.sum())

    def of_scores(z: NDArray[np.float64]) -> float:
        return objective(_softmax(z))

    starts = (np.zeros(_CLASSES), np.log(p), np.log(p) - penalties / 2)
    best = min((minimize(of_scores, start, tol=1e-13) for start in starts), key=lambda found: float(found.fun))
    return objective(ours) - float(best.fun), float(np.abs(ours - _softmax(best.x)).max())


def _chain(generator: np.random.Generator, *, with_list: bool) -> tuple[float, bool]:
    """The largest difference in probability of a tag or pair, and whether the best sequence differs."""
    k = len(_TAGS)
    unary, pair = generator.normal(size=(_LENGTH, k)), generator.normal(size=(_LENGTH - 1, k, k))
    pair[generator.random(pair.shape) < 0.2] = -np.inf
    pair[:, 0, 0] = generator.normal(size=_LENGTH - 1)  # one way stays open
    lists = [[0, 2, 5]] if with_list else []
    categories, cost = categories_of(_TAGS), 1.7
    ties = [(a, b) for members in lists for a, b in itertools.pairwise(members)]
    sequences = np.array(list(itertools.product(range(k), repeat=_LENGTH)))
    scores = unary[np.arange(_LENGTH), sequences].sum(1)
    for t in range(_LENGTH - 1):
        scores = scores + pair[t, sequences[:, t], sequences[:, t + 1]]
    for a, b in ties:
        scores = scores - cost * (categories[sequences[:, a]] != categories[sequences[:, b]])
    share = _softmax(scores)
    of_tags, of_pairs = np.zeros((_LENGTH, k)), np.zeros((_LENGTH - 1, k, k))
    for t in range(_LENGTH):
        np.add.at(of_tags[t], sequences[:, t], share)
        if t + 1 < _LENGTH:
            np.add.at(of_pairs[t], (sequences[:, t], sequences[:, t + 1]), share)
    found = tied(unary, pair, lists, categories, cost)
    large, moves = remembering(unary, pair, lists, categories, cost)
    path = best_paths(large[None], moves[None], np.array([_LENGTH]))[0] % k
    differs = not np.array_equal(path, sequences[int(scores.argmax())])
    return float(max(np.abs(found.tags - of_tags).max(), np.abs(found.pairs - of_pairs).max())), differs


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(z - z.max())
    return e / e.sum()
