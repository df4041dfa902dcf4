"""What rules of tags do on sentences: each token is a grounding, and of the list rule each two members that it ties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from leveret.rules._contradictions import Contradiction
from leveret.rules._counts import FIRES, RuleCount
from leveret.rules._ruleset import RuleSet
from leveret.runtime.rules._chain import marginals
from leveret.runtime.rules._chain_costs import chain_costs
from leveret.runtime.rules._lists import categories_of, enumerations
from leveret.runtime.rules._program import RuleProgram

__all__ = ["contradictory_sentences", "tag_counts"]

Rows = Sequence[NDArray[np.float32]]


def tag_counts(
    rules: RuleSet, evidence: Rows, tags: Sequence[NDArray[np.int64]], sentences: Sequence[Sequence[str]]
) -> tuple[RuleCount, ...]:
    """How often each rule fires and is obeyed.

    Args:
        rules: of tags.
        evidence: of each sentence, `(tokens, evidence)`.
        tags: of each sentence, `(tokens,)`; below 0 for none.
        sentences: their tokens.
    """
    found = []
    for i, rule in enumerate(rules.program.rules):
        if rule.agree:
            numbers, obeyed = _agreeing(rules.program, tags, sentences)
        else:
            numbers, obeyed = _positions(_alone(rules.program, i), evidence, tags)
        found.append(RuleCount(rule.name, rule.weight, rules.places[i], *numbers, obeyed, False))
    return tuple(found)


def contradictory_sentences(program: RuleProgram, evidence: Rows) -> list[Contradiction]:
    """The sentences to which hard rules leave no tags, each with rules of which none could be left out."""
    hard = [i for i, rule in enumerate(program.rules) if rule.weight is None]
    found = []
    for example, own in enumerate(evidence):
        if not hard or not len(own) or _possible(program, hard, own):
            continue
        kept = list(hard)
        for rule in hard:
            others = [i for i in kept if i != rule]
            if others and not _possible(program, others, own):
                kept = others
        found.append(Contradiction(example, tuple(program.rules[i].name for i in kept)))
    return found


def _alone(program: RuleProgram, i: int) -> RuleProgram:
    """One rule by itself, soft and of weight 1, so that its costs are 1 − r."""
    return replace(program, rules=(replace(program.rules[i], weight=1.0),), strength=1.0)


def _positions(
    program: RuleProgram, evidence: Rows, tags: Sequence[NDArray[np.int64]]
) -> tuple[tuple[int, int, int], float | None]:
    groundings = fires = labelled = 0
    truths = 0.0
    for own, said in zip(evidence, tags, strict=True):
        n = len(own)
        if not n:
            continue
        unary, pair = chain_costs(program, own[None])
        dear = np.maximum(unary[0].max(1), np.r_[0.0, np.broadcast_to(pair[0].max((1, 2)), (n - 1,))])
        chosen = np.maximum(said, 0)
        cost = unary[0][np.arange(n), chosen]
        steps = np.broadcast_to(pair[0], (n - 1, *pair.shape[2:]))
        cost[1:] += steps[np.arange(n - 1), chosen[:-1], chosen[1:]]
        known = said >= 0
        known[1:] &= said[:-1] >= 0
        where = dear > 1 - FIRES
        groundings, fires, labelled = groundings + n, fires + int(where.sum()), labelled + int((where & known).sum())
        truths += float((1 - cost)[where & known].sum())
    return (groundings, fires, labelled), truths / labelled if labelled else None


def _agreeing(
    program: RuleProgram, tags: Sequence[NDArray[np.int64]], sentences: Sequence[Sequence[str]]
) -> tuple[tuple[int, int, int], float | None]:
    categories = categories_of(program.classes)
    pairs = [
        (said[a], said[b])
        for said, tokens in zip(tags, sentences, strict=True)
        for members in enumerations(tokens)
        for a, b in pairwise(members)
    ]
    known = [(a, b) for a, b in pairs if a >= 0 and b >= 0]
    agree = sum(int(categories[a] == categories[b]) for a, b in known)
    return (len(pairs), len(pairs), len(known)), agree / len(known) if known else None


def _possible(program: RuleProgram, rules: Sequence[int], own: NDArray[np.float32]) -> bool:
    some = replace(program, rules=tuple(program.rules[i] for i in rules))
    unary, pair = chain_costs(some, own[None])
    return bool(np.isfinite(marginals(-unary, -pair, np.array([len(own)])).log_z[0]))
