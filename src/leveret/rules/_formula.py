"""`Formula`: soft logic in Python: truths in [0, 1], composed by operators, asked of tensors of any shape at once.

    >>> rain, wet = Atom("rain"), Atom("wet")
    >>> rule = rain >> wet
    >>> rule.truth({"rain": torch.tensor([1.0, 0.5]), "wet": torch.tensor([0.0, 1.0])})
    tensor([0., 1.])

Equivalent ways: `~rain | wet` is `rain >> wet`, and `a == b` is `(a >> b) & (b >> a)`. `average(a, b)` is the averaging
conjunction. `for_all(f)` and `exists(f)` are over groundings: the last axis of the truths, or any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from leveret.errors import LeveretUsageError
from leveret.runtime.rules._logic import logic_named
from leveret.runtime.rules._tree import Tree, atoms_of, evaluate

__all__ = ["Atom", "Formula", "average", "exclusive", "exists", "for_all", "label"]


class Formula:
    """A formula over named truths.

    Attributes:
        tree: the same as plain values, see `leveret.runtime.rules`.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    @property
    def names(self) -> tuple[str, ...]:
        """The atoms that it is made of."""
        return atoms_of(self.tree)

    def truth(self, values: Mapping[str, Tensor | float], logic: str = "lukasiewicz") -> Tensor:
        """How true it is, in [0, 1], with a gradient to the values.

        Args:
            values: the atoms' truths, floats in [0, 1], of shapes that broadcast with each other.
            logic: "lukasiewicz", "product" or "godel".

        Returns:
            A tensor of the shape to which they broadcast.

        Raises:
            LeveretUsageError: an atom without a value, or one outside [0, 1]; no such logic; a formula about labels,
                which rules ask of every class in turn (`leveret.rules.RuleSet`).
        """
        checked = {name: _checked(name, values) for name in self.names}

        def leaf(tree: Tree) -> Tensor:
            if tree[0] != "atom":
                raise LeveretUsageError("this formula speaks of labels: make it a Rule of a RuleSet")
            return checked[tree[1]]

        return evaluate(self.tree, leaf, logic_named(logic))

    def __and__(self, other: Formula) -> Formula:
        return Formula(["and", self.tree, _tree(other)])

    def __or__(self, other: Formula) -> Formula:
        return Formula(["or", self.tree, _tree(other)])

    def __invert__(self) -> Formula:
        return Formula(["not", self.tree])

    def __rshift__(self, other: Formula) -> Formula:
        return Formula(["implies", self.tree, _tree(other)])

    def __eq__(self, other: object) -> Formula:  # type: ignore[override]
        return Formula(["same", self.tree, _tree(other)])

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise LeveretUsageError(
            "a formula has no truth of its own: join formulas by & | ~ >> ==, and ask truth(values)"
        )

    def __repr__(self) -> str:
        return f"Formula({self.tree})"


class Atom(Formula):
    """A truth by its name."""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise LeveretUsageError(f"an atom is called by a name, got {name!r}")
        super().__init__(["atom", name])


def label(*classes: str) -> Formula:
    """Whether the label is one of these classes: for rules, which ask it of every class.

    Raises:
        LeveretUsageError: no class is named.
    """
    if not classes:
        raise LeveretUsageError("label must name a class")
    return Formula(["label", list(classes)])


def average(*formulas: Formula) -> Formula:
    """Σ aᵢ / n: the conjunction of Hu et al. (2016, section 3.1) that each part can raise."""
    return Formula(["average", *_several(formulas, 1)])


def exclusive(*formulas: Formula) -> Formula:
    """No two of them hold."""
    return Formula(["exclusive", *_several(formulas, 2)])


def for_all(formula: Formula, axis: int = -1) -> Formula:
    """Whether it holds in all groundings, which lie along an axis of the truths."""
    return Formula(["forall", _tree(formula), axis])


def exists(formula: Formula, axis: int = -1) -> Formula:
    """Whether it holds in any grounding, which lie along an axis of the truths."""
    return Formula(["exists", _tree(formula), axis])


def _several(formulas: tuple[Formula, ...], least: int) -> list[Tree]:
    if len(formulas) < least:
        raise LeveretUsageError(f"give at least {least} formulas, got {len(formulas)}")
    return [_tree(formula) for formula in formulas]


def _tree(formula: Any) -> Tree:
    if not isinstance(formula, Formula):
        raise LeveretUsageError(f"formulas are joined with formulas, got {formula!r}")
    return formula.tree


def _checked(name: str, values: Mapping[str, Any]) -> Tensor:
    if name not in values:
        raise LeveretUsageError(f"the formula needs a truth for {name!r}; given are {', '.join(values) or 'none'}")
    truth = torch.as_tensor(values[name])
    if not truth.is_floating_point():
        truth = truth.float()
    if truth.numel() and not bool(((truth >= 0) & (truth <= 1)).all()):
        raise LeveretUsageError(f"truths must be in [0, 1], those of {name!r} are not")
    return truth
