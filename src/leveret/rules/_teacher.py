"""What `RuleDistillation` and `SequenceRuleDistillation` share: π, weights that are learned, and contradictions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.rules._contradictions import Contradiction
from leveret.rules._ruleset import RuleSet
from leveret.rules._schedule import Schedule

__all__ = ["Contradictory", "RuleTeacher"]

Contradictory = Literal["refuse", "drop"]

_NAMED = 3


class RuleTeacher(nn.Module):
    """The part of an objective that knows the rules.

    Args:
        rules: that teach.
        pi, alpha: of the schedule.
        contradictory: "refuse" or "drop".

    Attributes:
        rules: as given.
        schedule: π over the epochs.
        contradictions: of the training part's examples; a subclass finds them.
        free: what the learned weights are the softplus of, `(rules,)`; None where none is learned.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(self, rules: RuleSet, *, pi: float, alpha: float, contradictory: Contradictory) -> None:
        super().__init__()
        self.schedule = Schedule(pi, alpha)
        if contradictory not in ("refuse", "drop"):
            raise LeveretUsageError(f"contradictory must be 'refuse' or 'drop', got {contradictory!r}")
        self.rules = rules
        self.contradictions: Sequence[Contradiction] = ()
        learned = [rule.learned for rule in rules.program.rules]
        self.register_buffer("learned", torch.tensor(learned), persistent=False)
        # softplus keeps weights above 0
        start = [math.log(math.expm1(max(rule.weight or 0.0, 1e-3))) for rule in rules.program.rules]
        self.free = nn.Parameter(torch.tensor(start)) if any(learned) else None

    @property
    def share(self) -> float:
        """π of this epoch."""
        return self.schedule.share

    @property
    def weights(self) -> Tensor:
        """λ of each rule, `(rules,)`: what was learned, or as given; 0 for hard ones."""
        given = torch.from_numpy(self.rules.program.weights).float()
        if self.free is None:
            return given
        return torch.where(self.learned, F.softplus(self.free), given.to(self.free.device))  # type: ignore[arg-type]

    def taught(self) -> RuleSet:
        """The rules with the weights that were learned."""
        return self.rules.with_weights([float(weight) for weight in self.weights.detach()])

    def outcome(self) -> dict[str, Any]:
        """What a finished training leaves of it, as plain values."""
        return {"weights": [float(w) for w in self.weights.detach()], "dropped": len(self.contradictions)}

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Called by `fit` at the start of each epoch, from 0."""
        self.schedule.epoch = epoch

    def _answer(self, found: Sequence[Contradiction], contradictory: str, told: str, one: str) -> None:
        """Refuse contradictory hard rules, or warn.

        Args:
            found: where.
            contradictory: what to do.
            told: how many, in words.
            one: what an example is called.

        Raises:
            LeveretDataError: "refuse", and there are some.
        """
        self.contradictions = found
        if not found:
            return
        named = (f"{one} {c.example} (from 0) by {' and '.join(map(repr, c.rules))}" for c in found[:_NAMED])
        told += f": {'; '.join(named)}"
        told += f"; and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        if contradictory == "refuse":
            raise LeveretDataError(
                f"{told}. Make one of them soft or narrower, or leave hard rules out of account there: "
                "contradictory='drop' (--contradictory drop)"
            )
        warnings.warn(LeveretWarning(f"{told}. Hard rules are left out of account there"), stacklevel=4)

    def _tell_silent(self, names: Sequence[str]) -> None:
        """Warn of rules that never fire."""
        for name in names:
            warnings.warn(LeveretWarning(f"rule {name!r} never fires on the training part"), stacklevel=4)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rules!r}, {self.schedule})"
