"""Which operators have a rule, and what the documentation says of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leveret.packing._lower import Lowering

__all__ = ["RULES", "Row", "Rule", "lowers", "supported"]

Lower = Callable[["Lowering", dict[str, Any]], Any]


@dataclass(frozen=True)
class Row:
    """A line of the table in docs/operations.md.

    Attributes:
        net: what stands in the net, as a user writes it.
        file: the operations of the runtime that it becomes.
        notes: limits, and what happens on the way.
        section: "layers", "shapes" or "expressions".
    """

    net: str
    file: str
    notes: str = ""
    section: str = "layers"


@dataclass(frozen=True)
class Rule:
    """How one or more operators become steps, and their line in the documentation."""

    lower: Lower
    row: Row


RULES: dict[str, Rule] = {}


def lowers(*names: str, row: Row) -> Callable[[Lower], Lower]:
    """Register a rule for ATen operators, by their names without `aten::` and the trailing `_` of in-place ones."""

    def register(lower: Lower) -> Lower:
        for name in names:
            RULES[name] = Rule(lower, row)
        return lower

    return register


def supported() -> list[str]:
    """Names of all operators with a rule, torch's inner ones aside."""
    return sorted(name for name in RULES if not name.startswith("_"))
