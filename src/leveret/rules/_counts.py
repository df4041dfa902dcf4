"""`RuleCount`: what a rule does on some examples, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from leveret.rules._errors import Place

__all__ = ["FIRES", "RuleCount"]

FIRES = 1 - 1e-6  # a rule fires where some class has a truth below this


@dataclass(frozen=True)
class RuleCount:
    """What a rule does on some examples.

    Attributes:
        name, weight: of the rule; `weight` None for a hard one.
        place: in the file.
        groundings: examples that it was asked of; of rules of tags, tokens, or pairs of list members.
        fires: those on which it rules something out, or makes it dearer.
        labelled: those of them that have a label.
        obeyed: the mean truth with the labels there, None where there is none; a number in [0, 1].
        asks_net: it asks the net that is to be trained, which knows nothing yet: each class is taken as alike likely.
    """

    name: str
    weight: float | None
    place: Place
    groundings: int
    fires: int
    labelled: int
    obeyed: float | None
    asks_net: bool

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "place": {"line": self.place.line, "column": self.place.column}}
