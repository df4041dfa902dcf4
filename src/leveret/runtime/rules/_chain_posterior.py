"""The teacher q of sequences: a chain's distribution moved by rules of tags, neighbours and enumerated lists, exactly.

    q(y) ∝ p(y) exp(−Σ C λ (1 − r(y)))

where p is a chain, of scores of tags and of pairs. Rules of a tag or of two neighbours leave it a chain; the list rule
makes it a chain over larger states, see `_lists`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._arrays import library_of
from leveret.runtime.rules._chain import Marginals, best_paths, marginals
from leveret.runtime.rules._chain_costs import chain_costs, list_cost
from leveret.runtime.rules._lists import categories_of, remembering
from leveret.runtime.rules._program import RuleProgram

__all__ = ["chain_best", "chain_posterior"]

Lists = Sequence[Sequence[Sequence[int]]]


def chain_posterior(
    program: RuleProgram, unary: Any, pair: Any, lengths: Any, evidence: Any, lists: Lists, weights: Any = None
) -> Marginals:
    """q's probabilities of tags and of pairs.

    Args:
        program: of tags.
        unary: p's scores `(batch, longest, K)`, those of start and end among them.
        pair: p's scores `(batch or 1, longest − 1 or 1, K, K)`.
        lengths: `(batch,)`.
        evidence: `(batch, longest, evidence)`.
        lists: the enumerated lists of each sequence, see `enumerations`; looked at where a rule asks for them.
        weights: λ of each rule, in place of its own.

    Where hard rules leave a sequence no tags at all, they are left out of account for it.
    """
    lib = library_of(unary)
    scores = _scored(program, unary, pair, evidence, weights, hard=True)
    found = marginals(*scores, lengths)
    lost = [i for i, z in enumerate(found.log_z.tolist()) if z == -np.inf]
    if lost:
        soft = _scored(program, unary[lost], _rows(pair, lost), evidence[lost], weights, hard=False)
        found = _replaced(found, lost, marginals(*soft, lengths[lost]))
    cost = list_cost(program, weights)
    tied = [i for i, found_lists in enumerate(lists) if found_lists] if cost else []
    for i in tied:
        n = int(lengths[i])
        own = _scored(program, unary[[i]], _rows(pair, [i]), evidence[[i]], weights, hard=i not in lost)
        own_unary, own_pair = (np.asarray(part)[0] for part in own)
        one = _tied(own_unary, own_pair, n, lists[i], program, cost)
        parts = (lib.asarray(part) if lib is np else lib.asarray(part).to(found.tags.dtype) for part in one)
        found.log_z[i], found.tags[i, :n], found.pairs[i, : n - 1] = parts
    return found


def chain_best(
    program: RuleProgram, unary: Any, pair: Any, lengths: Any, evidence: Any, lists: Lists
) -> NDArray[np.int64]:
    """q's best tags of each sequence, `(batch, longest)`, −100 behind its end; arguments as of `chain_posterior`."""
    unary, pair, lengths, evidence = (np.asarray(values) for values in (unary, pair, lengths, evidence))
    unary, pair = unary.astype(np.float64), pair.astype(np.float64)
    scores = _scored(program, unary, pair, evidence, None, hard=True)
    lost = np.flatnonzero(marginals(*scores, lengths).log_z == -np.inf).tolist()
    paths = best_paths(*scores, lengths)
    if lost:
        soft = _scored(program, unary[lost], _rows(pair, lost), evidence[lost], None, hard=False)
        paths[lost] = best_paths(*soft, lengths[lost])
    cost, categories = list_cost(program), categories_of(program.classes)
    for i, found in enumerate(lists):
        if cost and found:
            n = int(lengths[i])
            own = _scored(program, unary[[i]], _rows(pair, [i]), evidence[[i]], None, hard=i not in lost)
            large, moves = remembering(own[0][0, :n], own[1][0], found, categories, cost)
            paths[i, :n] = best_paths(large[None], moves[None], np.array([n]))[0] % len(categories)
    return paths


def _scored(program: RuleProgram, unary: Any, pair: Any, evidence: Any, weights: Any, *, hard: bool) -> tuple[Any, Any]:
    of_tags, of_pairs = chain_costs(program, evidence, weights, hard=hard)
    return unary - of_tags, pair - of_pairs


def _tied(
    unary: NDArray[Any], pair: NDArray[Any], n: int, lists: Sequence[Sequence[int]], program: RuleProgram, cost: float
) -> Marginals:
    """Of one sequence of n tokens with lists: log Z `()`, tags `(n, K)`, pairs `(n − 1, K, K)`."""
    tags = len(program.classes)
    large, moves = remembering(unary[:n], pair, lists, categories_of(program.classes), cost)
    found = marginals(large[None], moves[None], np.array([n]))
    memories = large.shape[1] // tags
    pairs = found.pairs[0].reshape(n - 1, memories, tags, memories, tags).sum((1, 3))
    return Marginals(found.log_z[0], found.tags[0].reshape(n, memories, tags).sum(1), pairs)


def _rows(pair: Any, rows: Sequence[int]) -> Any:
    return pair if len(pair) == 1 else pair[rows]


def _replaced(found: Marginals, rows: Sequence[int], others: Marginals) -> Marginals:
    for whole, part in zip(found, others, strict=True):
        whole[rows] = part
    return found
