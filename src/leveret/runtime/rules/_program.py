"""`RuleProgram`: rules ready to run: evidence of examples on one side, penalties of classes on the other.

A rule's truth r is asked of every class that an example may have: `(n, classes)`. What falls short of 1 costs the class
C λ (1 − r), with the rules' strength C and the rule's own weight λ; a hard rule forbids the class altogether.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._arrays import library_of
from leveret.runtime.rules._evidence import Call, Evidence, Says
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._logic import logic_named
from leveret.runtime.rules._tree import Tree, atoms_of, evaluate, leaves_of

__all__ = ["HARD", "LESS", "Rule", "RuleProgram"]

HARD = None  # the weight of a hard rule
LESS = 1 - 1e-6  # a hard rule forbids what is less true


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: what people know it by.
        weight: λ, at least 0, or `HARD`, None.
        formula: over labels and evidence by its number.
        learned: whether λ is to be learned from labels, from `weight` on.
        agree: of sequences: it has no formula, but asks members of an enumerated list to be of one category.
    """

    name: str
    weight: float | None
    formula: Tree
    learned: bool = False
    agree: bool = False


@dataclass(frozen=True)
class RuleProgram:
    """Rules over one set of classes.

    Attributes:
        classes: names, in the order of the logits; of sequences, the tags.
        evidence: what the formulas' atoms are, by number.
        rules: in the file's order.
        logic: of `LOGICS`.
        tags: whether the rules are of the tags of sequences.
        strength: C, above 0.
    """

    classes: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    rules: tuple[Rule, ...]
    logic: str = "lukasiewicz"
    tags: bool = False
    strength: float = 1.0

    @property
    def own(self) -> tuple[int, ...]:
        """The evidence that the net itself gives."""
        return tuple(i for i, found in enumerate(self.evidence) if isinstance(found, Says) and not found.net)

    @property
    def functions(self) -> tuple[str, ...]:
        """The users' functions that it calls."""
        return tuple(dict.fromkeys(found.function for found in self.evidence if isinstance(found, Call)))

    @property
    def nets(self) -> tuple[str, ...]:
        """The other nets that it asks."""
        return tuple(dict.fromkeys(found.net for found in self.evidence if isinstance(found, Says) and found.net))

    @property
    def weights(self) -> NDArray[np.float64]:
        """λ of each rule, `(rules,)`; 0 for hard ones."""
        return np.array([rule.weight or 0.0 for rule in self.rules])

    @cached_property
    def hard(self) -> NDArray[np.bool_]:
        """Which rules are hard, `(rules,)`."""
        return np.array([rule.weight is HARD for rule in self.rules], bool)

    def gathered(self, facts: Facts) -> NDArray[np.float32]:
        """The evidence of examples, `(n, evidence)`; NaN for none, and for what a net or a function is to give."""
        found = np.empty((len(facts), len(self.evidence)), np.float32)
        for i, evidence in enumerate(self.evidence):
            found[:, i] = evidence.of(facts)
        return found

    def token_evidence(self, facts: Facts) -> list[NDArray[np.float32]]:
        """The evidence of sequences, of each `(length, evidence)`; NaN for none, and for what a function is to give."""
        assert facts.tokens is not None
        found = []
        for i, tokens in enumerate(facts.tokens):
            own = np.empty((len(tokens), len(self.evidence)), np.float32)
            for k, evidence in enumerate(self.evidence):
                own[:, k] = evidence.of_tokens(facts, i)
            found.append(own)
        return found

    def truths(self, evidence: Any) -> Any:
        """How true each rule is of each class, `(n, rules, classes)`; 1 where a rule is silent.

        Args:
            evidence: `(n, evidence)` in [0, 1] with NaN for none, an array or a tensor.
        """
        lib = library_of(evidence)
        silent = lib.isnan(evidence)
        known = lib.where(silent, 0 * lib.ones_like(evidence), evidence)
        classes = len(self.classes)
        found = []
        for rule in self.rules:
            truth = evaluate(rule.formula, lambda leaf: self._leaf(leaf, known), logic_named(self.logic))
            truth = truth + 0 * known[:, :1] + lib.zeros((1, classes)) if known.shape[1] else self._wide(truth, known)
            if atoms := list(atoms_of(rule.formula)):
                truth = lib.where(silent[:, atoms].any(1)[:, None], lib.ones_like(truth), truth)
            found.append(truth)
        return lib.stack(found, 1)

    def penalties(self, truths: Any, weights: Any = None) -> tuple[Any, Any]:
        """What rules cost each class, `(n, classes)`: Σ C λ (1 − r) over the soft ones; and what hard ones forbid.

        Args:
            truths: from `truths`.
            weights: λ of each rule, in place of its own.
        """
        lib = library_of(truths)
        if weights is None:
            weights = lib.asarray(self.weights.astype(np.float32))
        soft = self.strength * ((1 - truths) * weights[None, :, None]).sum(1)
        return soft, self.forbidden(truths).any(1)

    def forbidden(self, truths: Any) -> Any:
        """Which hard rule forbids which class, `(n, rules, classes)`."""
        lib = library_of(truths)
        return (truths < LESS) & lib.asarray(self.hard)[None, :, None]

    def _leaf(self, leaf: Tree, known: Any) -> Any:
        lib = library_of(known)
        if leaf[0] == "atom":
            return known[:, leaf[1], None]
        if leaf[0] == "label":
            return lib.asarray(self._one_hot(leaf[1]))[None]
        # of "follows": the row of the group that is named
        table = lib.asarray(np.stack([self._one_hot(group) for group in leaf[2]]))
        rows = known[:, leaf[1]]
        return table[rows.astype(np.int64) if lib is np else rows.long()]

    def _one_hot(self, chosen: Sequence[int]) -> NDArray[np.float32]:
        row = np.zeros(len(self.classes), np.float32)
        row[list(chosen)] = 1
        return row

    def _wide(self, truth: Any, known: Any) -> Any:
        lib = library_of(known)
        return truth + lib.zeros((known.shape[0], len(self.classes)))

    def asks_labels(self, rule: Rule) -> bool:
        """Whether a rule's formula says anything of the label."""
        return any(leaf[0] in ("label", "follows", "previous", "start") for leaf in leaves_of(rule.formula))
