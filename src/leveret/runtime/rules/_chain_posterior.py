"""The teacher q of sequences: a chain's distribution moved by rules of tags, neighbours and enumerated lists, exactly.

    q(y) ∝ p(y) exp(−Σ C λ (1 − r(y)))

where p is a chain, of scores of tags and of pairs. Rules of a tag or of two neighbours leave it a chain; the list rule
makes it a chain over larger states, see `_lists` and `_chain_tied`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._chain import Marginals, best_paths, marginals, scored_paths
from leveret.runtime.rules._chain_costs import chain_costs, list_cost
from leveret.runtime.rules._chain_tied import tied
from leveret.runtime.rules._lists import categories_of, remembering
from leveret.runtime.rules._program import RuleProgram

__all__ = ["ChainPosterior", "chain_best", "chain_posterior"]

Lists = Sequence[Sequence[Sequence[int]]]
Floats = NDArray[np.float64]
Found = TypeVar("Found")


class ChainPosterior(NamedTuple):
    """q of a batch of sequences.

    Attributes:
        log_z: `(batch,)`, of p's scores less what rules cost; −∞ where no sequence is allowed even without hard rules.
        tags: `(batch, longest, K)`, each tag's probability at each place, 0 behind a sequence's end.
        pairs: `(batch, longest − 1, K, K)`, of tag i at a place and tag j at the next.
        apart: `(batch,)`, the expected number of members of lists that aren't of the category of the one before; 0
            where no rule asks for them.
    """

    log_z: Floats
    tags: Floats
    pairs: Floats
    apart: Floats


def chain_posterior(
    program: RuleProgram, unary: Any, pair: Any, lengths: Any, evidence: Any, lists: Lists, weights: Any = None
) -> ChainPosterior:
    """q's probabilities of tags and of pairs, float64.

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
    lengths = np.asarray(lengths, np.int64)

    def solved(of_tags: Floats, of_pairs: Floats) -> tuple[Marginals, Floats]:
        found = marginals(of_tags, of_pairs, lengths)
        return found, found.log_z

    of_tags, of_pairs, found = _heeding(program, unary, pair, evidence, solved, weights)
    apart = np.zeros(len(of_tags))
    cost, categories = list_cost(program, weights), categories_of(program.classes)
    for i in _with_lists(program, lists):
        n = int(lengths[i])
        one = tied(of_tags[i, :n], of_pairs[i % len(of_pairs)], lists[i], categories, cost)
        found.log_z[i], found.tags[i, :n], found.pairs[i, : n - 1], apart[i] = one
    return ChainPosterior(*found, apart)


def chain_best(
    program: RuleProgram, unary: Any, pair: Any, lengths: Any, evidence: Any, lists: Lists
) -> NDArray[np.int64]:
    """q's best tags of each sequence, `(batch, longest)`, −100 behind its end; arguments as of `chain_posterior`."""
    lengths = np.asarray(lengths, np.int64)
    of_tags, of_pairs, paths = _heeding(
        program, unary, pair, evidence, lambda tags, pairs: scored_paths(tags, pairs, lengths)
    )
    cost, categories = list_cost(program), categories_of(program.classes)
    for i in _with_lists(program, lists):
        n = int(lengths[i])
        large, moves = remembering(of_tags[i, :n], of_pairs[i % len(of_pairs)], lists[i], categories, cost)
        paths[i, :n] = best_paths(large[None], moves[None], np.array([n]))[0] % len(categories)
    return paths


def _heeding(
    program: RuleProgram,
    unary: Any,
    pair: Any,
    evidence: Any,
    solve: Callable[[Floats, Floats], tuple[Found, Floats]],
    weights: Any = None,
) -> tuple[Floats, Floats, Found]:
    """p's scores less what rules cost, and what `solve` finds by them; without hard rules where they leave no tags.

    `solve` also gives a number for each sequence, −∞ of those that no tags are left to.
    """
    unary, pair, evidence = np.asarray(unary, np.float64), np.asarray(pair, np.float64), np.asarray(evidence)
    of_tags, of_pairs = chain_costs(program, evidence, weights)
    own_tags, own_pairs = unary - of_tags, pair - of_pairs
    found, left = solve(own_tags, own_pairs)
    lost = np.flatnonzero(left == -np.inf)
    if len(lost):
        of_tags, of_pairs = chain_costs(program, evidence[lost], weights, hard=False)
        steps = max(own_pairs.shape[1], of_pairs.shape[1])
        own_pairs = np.broadcast_to(own_pairs, (len(unary), steps, *own_pairs.shape[2:])).copy()
        own_tags[lost], own_pairs[lost] = unary[lost] - of_tags, (pair if len(pair) == 1 else pair[lost]) - of_pairs
        found, _ = solve(own_tags, own_pairs)
    return own_tags, own_pairs, found


def _with_lists(program: RuleProgram, lists: Lists) -> list[int]:
    """The sequences with lists, if a rule asks for them."""
    asked = any(rule.agree for rule in program.rules)
    return [i for i, members in enumerate(lists) if asked and members]
