"""What rules of tags do on sentences: each token is a grounding, and of the list rule each two members that it ties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.rules._contradictions import Contradiction
from leveret.rules._counts import FIRES, RuleCount
from leveret.rules._ruleset import RuleSet
from leveret.runtime.rules._chain import marginals
from leveret.runtime.rules._chain_costs import chain_costs, pads_of
from leveret.runtime.rules._lists import categories_of, enumerations
from leveret.runtime.rules._program import RuleProgram
from leveret.runtime.rules._tree import atoms_of

__all__ = ["contradictory_sentences", "never_fire", "tag_counts"]

_AT_ONCE = 64

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
    for example in _impossible(program, hard, evidence) if hard else ():
        own = [evidence[example]]
        kept = list(hard)
        for rule in hard:
            others = [i for i in kept if i != rule]
            if others and _impossible(program, others, own):
                kept = others
        found.append(Contradiction(example, tuple(program.rules[i].name for i in kept)))
    return found


def never_fire(program: RuleProgram, evidence: Rows, lists: Sequence[Sequence[Any]]) -> list[str]:
    """The rules that make no tag or pair of tags dearer anywhere.

    Args:
        program: of tags.
        evidence: of each sentence, `(tokens, evidence)`.
        lists: of each sentence.
    """
    silent = []
    for i, rule in enumerate(program.rules):
        if rule.agree:
            fires = any(map(bool, lists))
        elif not atoms_of(rule.formula):
            fires = True
        else:
            fires = any(bool((dear > 1 - FIRES).any()) for dear, *_ in _blocks(_alone(program, i), evidence))
        if not fires:
            silent.append(rule.name)
    return silent


def _alone(program: RuleProgram, i: int) -> RuleProgram:
    """One rule by itself, soft and of weight 1, so that its costs are 1 − r."""
    return replace(program, rules=(replace(program.rules[i], weight=1.0),), strength=1.0)


def _blocks(program: RuleProgram, evidence: Rows) -> Iterator[tuple[Any, Any, Any, Any, slice]]:
    """Of some sentences at a time: the most that a token, with the tag before it, can cost `(batch, longest)`; what
    tags and pairs cost, and which places there are; and which sentences they are."""
    for start in range(0, len(evidence), _AT_ONCE):
        block = slice(start, start + _AT_ONCE)
        rows = evidence[block]
        lengths = np.array([len(own) for own in rows])
        unary, pair = chain_costs(program, pads_of(rows, len(program.evidence)))
        there = np.arange(unary.shape[1]) < lengths[:, None]
        dear = unary.max(2, initial=0.0)
        if unary.shape[1] > 1:
            dear[:, 1:] = np.maximum(dear[:, 1:], pair.max((2, 3)))
        yield np.where(there, dear, 0.0), unary, pair, there, block


def _positions(
    program: RuleProgram, evidence: Rows, tags: Sequence[NDArray[np.int64]]
) -> tuple[tuple[int, int, int], float | None]:
    groundings = fires = labelled = 0
    truths = 0.0
    for dear, unary, pair, there, block in _blocks(program, evidence):
        said = np.full(there.shape, -100)
        for row, own in zip(said, tags[block], strict=True):
            row[: len(own)] = own
        rows, places = np.indices(there.shape)
        chosen = np.maximum(said, 0)
        cost = unary[rows, places, chosen]
        known = there & (said >= 0)
        if there.shape[1] > 1:
            steps = np.broadcast_to(pair, (len(there), there.shape[1] - 1, *pair.shape[2:]))
            cost[:, 1:] += steps[rows[:, 1:], places[:, :-1], chosen[:, :-1], chosen[:, 1:]]
            known[:, 1:] &= said[:, :-1] >= 0
        where = there & (dear > 1 - FIRES)
        groundings, fires, labelled = (
            groundings + int(there.sum()), fires + int(where.sum()), labelled + int((where & known).sum())
        )  # fmt: skip
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


def _impossible(program: RuleProgram, rules: Sequence[int], evidence: Rows) -> list[int]:
    """The sentences to which these hard rules leave no tags."""
    some = replace(program, rules=tuple(program.rules[i] for i in rules))
    found: list[int] = []
    for _, unary, pair, there, block in _blocks(some, evidence):
        log_z = marginals(-unary, -pair, there.sum(1)).log_z
        found += (np.flatnonzero(log_z == -np.inf) + block.start).tolist()
    return found
