"""What rules cost tags and pairs of neighbouring tags, so that a chain heeds them: −cost is added to its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._arrays import library_of
from leveret.runtime.rules._logic import logic_named
from leveret.runtime.rules._program import LESS, Rule, RuleProgram
from leveret.runtime.rules._tree import Tree, atoms_of, evaluate, leaves_of

__all__ = ["chain_costs", "list_cost", "pads_of"]


def chain_costs(program: RuleProgram, evidence: Any, weights: Any = None, *, hard: bool = True) -> tuple[Any, Any]:
    """Σ C λ (1 − r) over the rules of tags; +∞ for what a hard rule forbids.

    Args:
        program: of tags.
        evidence: `(batch, longest, evidence)`, NaN for none; an array or a tensor.
        weights: λ of each rule, in place of its own.
        hard: leave hard rules out where False.

    Returns:
        Of tags at each place `(batch, longest, K)`, and of pairs `(batch or 1, longest − 1 or 1, K, K)`: the tag at a
        place and the one at the next.
    """
    lib = library_of(evidence)
    batch, longest, _ = evidence.shape
    tags = len(program.classes)
    unary, pair = lib.zeros((batch, longest, tags)), lib.zeros((1, 1, tags, tags))
    weights = program.weights.astype(np.float32) if weights is None else weights
    for i, rule in enumerate(program.rules):
        if rule.agree or not longest or (program.hard[i] and not hard):
            continue
        if not any(leaf[0] in ("previous", "start") for leaf in leaves_of(rule.formula)):
            unary = unary + _cost(program, rule, evidence, weights[i], first=False)[:, :, 0]
            continue
        first = _cost(program, rule, evidence[:, :1], weights[i], first=True)[:, :, 0] + lib.zeros((batch, 1, tags))
        rest = lib.zeros((batch, longest - 1, tags))
        unary = unary + (np.concatenate([first, rest], 1) if lib is np else lib.cat([first, rest], 1))
        if longest > 1:
            pair = pair + _cost(program, rule, evidence[:, 1:], weights[i], first=False)
    return unary, pair


def list_cost(program: RuleProgram, weights: Any = None) -> float:
    """C λ of the rules by which members of an enumerated list agree, in all."""
    chosen = program.weights if weights is None else weights
    return float(sum(program.strength * float(chosen[i]) for i, rule in enumerate(program.rules) if rule.agree))


def pads_of(rows: Sequence[NDArray[np.float32]], width: int) -> NDArray[np.float32]:
    """Evidence of sequences `(length, evidence)` each as one array `(batch, longest, evidence)`, NaN behind the end."""
    found = np.full((len(rows), max((len(row) for row in rows), default=0), width), np.nan, np.float32)
    for i, row in enumerate(rows):
        found[i, : len(row)] = row
    return found


def _cost(program: RuleProgram, rule: Rule, evidence: Any, weight: Any, *, first: bool) -> Any:
    """`(batch or 1, places or 1, K or 1, K)`: the last axis is the tag at a place, the one before it the tag before."""
    lib = library_of(evidence)
    silent = lib.isnan(evidence)
    known = lib.where(silent, 0 * lib.ones_like(evidence), evidence)

    def leaf(tree: Tree) -> Any:
        if tree[0] == "atom":
            return known[:, :, tree[1], None, None]
        if tree[0] == "start":
            return (lib.ones if first else lib.zeros)((1, 1, 1, 1))
        if tree[0] == "previous" and first:
            return lib.zeros((1, 1, 1, 1))
        row = np.zeros(len(program.classes), np.float32)
        row[list(tree[1])] = 1
        shape = (1, 1, -1, 1) if tree[0] == "previous" else (1, 1, 1, -1)
        return lib.asarray(row).reshape(shape)

    truth = evaluate(rule.formula, leaf, logic_named(program.logic)) + lib.zeros((1, 1, 1, len(program.classes)))
    if atoms := list(atoms_of(rule.formula)):
        truth = lib.where(silent[:, :, atoms].any(2)[:, :, None, None], lib.ones_like(truth), truth)
    if rule.weight is None:
        return lib.where(truth < LESS, lib.zeros_like(truth) + float("inf"), lib.zeros_like(truth))
    return program.strength * weight * (1 - truth)
