"""Soft logic: what "and", "or", "not" and "if … then" mean of truths between 0 and 1.

Where truths are 0 and 1 alone, all three logics are the ordinary one. Between, they differ in what a chain of
half-truths is worth:

    lukasiewicz   a ∧ b = max(a + b − 1, 0)      a ∨ b = min(a + b, 1)
    product       a ∧ b = a b                    a ∨ b = a + b − a b
    godel         a ∧ b = min(a, b)              a ∨ b = max(a, b)

In each, ¬a = 1 − a, a ⇒ b is ¬a ∨ b, and a ⇔ b is (a ⇒ b) ∧ (b ⇒ a). De Morgan's laws hold in all three. The
`average` of several is Σ aᵢ / n in each: a conjunction that each part can raise, so that a gradient reaches all.

Source: Hu, Ma, Liu, Hovy & Xing, "Harnessing deep neural networks with logic rules", ACL 2016, section 3.1:
Lukasiewicz' logic and the averaging conjunction; the other two are the usual t-norms (Hájek, "Metamathematics of fuzzy
logic", 1998). Where we deviate: the implication of Gödel and of the product logic is ¬a ∨ b (Kleene–Dienes',
Reichenbach's) and not the residuum, which jumps: a gradient would see nothing on one side of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leveret.errors import LeveretUsageError
from leveret.runtime.rules._arrays import library_of

__all__ = ["LOGICS", "Logic", "logic_named"]


class Logic:
    """The connectives of one logic, on arrays or tensors of truths in [0, 1] that broadcast with each other.

    Attributes:
        name: "lukasiewicz", "product" or "godel".
    """

    def __init__(self, name: str, both: Callable[[Any, Any], Any], all_along: Callable[[Any, int], Any]) -> None:
        self.name = name
        self._both = both
        self._all_along = all_along

    def conjunction(self, truths: Sequence[Any]) -> Any:
        """a ∧ b ∧ …, of at least one."""
        result = truths[0]
        for truth in truths[1:]:
            result = self._both(result, truth)
        return result

    def disjunction(self, truths: Sequence[Any]) -> Any:
        """a ∨ b ∨ … = ¬(¬a ∧ ¬b ∧ …), of at least one."""
        return truths[0] if len(truths) == 1 else 1 - self.conjunction([1 - truth for truth in truths])

    def implication(self, premise: Any, conclusion: Any) -> Any:
        """a ⇒ b."""
        return self.disjunction([1 - premise, conclusion])

    def equivalence(self, first: Any, second: Any) -> Any:
        """a ⇔ b."""
        return self.conjunction([self.implication(first, second), self.implication(second, first)])

    def for_all(self, truths: Any, axis: int) -> Any:
        """The conjunction of all truths along an axis, which is dropped."""
        return self._all_along(truths, axis)

    def exists(self, truths: Any, axis: int) -> Any:
        """The disjunction of all truths along an axis, which is dropped."""
        return 1 - self._all_along(1 - truths, axis)

    def __repr__(self) -> str:
        return f"Logic({self.name!r})"


def _lukasiewicz(a: Any, b: Any) -> Any:
    return library_of(a, b).clip(a + b - 1, 0, None)


def _lukasiewicz_along(truths: Any, axis: int) -> Any:
    # a + b + … − (n − 1), which is what the pairwise clips come to
    return library_of(truths).clip(1 - (1 - truths).sum(axis), 0, None)


def _product(a: Any, b: Any) -> Any:
    return a * b


def _product_along(truths: Any, axis: int) -> Any:
    return library_of(truths).prod(truths, axis)


def _godel(a: Any, b: Any) -> Any:
    return library_of(a, b).minimum(a, b)


def _godel_along(truths: Any, axis: int) -> Any:
    return library_of(truths).amin(truths, axis)


LOGICS = {
    "lukasiewicz": Logic("lukasiewicz", _lukasiewicz, _lukasiewicz_along),
    "product": Logic("product", _product, _product_along),
    "godel": Logic("godel", _godel, _godel_along),
}


def logic_named(name: str) -> Logic:
    """One of `LOGICS`.

    Raises:
        LeveretUsageError: there is none of that name.
    """
    if name not in LOGICS:
        raise LeveretUsageError(f"logic must be one of {', '.join(LOGICS)}, got {name!r}")
    return LOGICS[name]
