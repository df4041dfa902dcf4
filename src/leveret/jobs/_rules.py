"""Rules in the jobs: an objective from a rule file, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from leveret.errors import LeveretUsageError

__all__ = ["RuleOptions", "rule_figures", "rule_objective"]

Contradictory = Literal["refuse", "drop"]


@dataclass(frozen=True)
class RuleOptions:
    """What `leveret fit --rules` takes.

    Attributes:
        file: of the rules; None for a training without.
        functions: a Python file whose functions they may call.
        contradictory: "refuse" or "drop", see `RuleDistillation`.
        strength: C; None for the usual.
        share: the teacher's largest share, π0; None for the usual.
    """

    file: str | os.PathLike[str] | None = None
    functions: str | os.PathLike[str] | None = None
    contradictory: str = "refuse"
    strength: float | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.file is None and self.asked:
            raise LeveretUsageError(f"{', '.join(self.asked)} go with rules: name their file, too")

    @property
    def asked(self) -> dict[str, Any]:
        """Those that aren't as usual, by the command line's names."""
        given = {
            "rules": self.file,
            "functions": self.functions,
            "contradictory": None if self.contradictory == "refuse" else self.contradictory,
            "rule_strength": self.strength,
            "teacher_share": self.share,
        }
        return {name: value for name, value in given.items() if value is not None}


def rule_objective(options: RuleOptions, data: Any) -> Any:
    """The objective that teaches the rules.

    Raises:
        LeveretError: as `read_rules` and `RuleDistillation`.
    """
    from leveret.rules import RuleDistillation, read_rules

    assert options.file is not None
    functions = None if options.functions is None else Path(options.functions)
    given: dict[str, Any] = {} if options.strength is None else {"strength": options.strength}
    rules = read_rules(Path(options.file), data, functions=functions, **given)
    more: dict[str, Any] = {} if options.share is None else {"pi": options.share}
    contradictory: Any = options.contradictory
    return RuleDistillation(rules, data, contradictory=contradictory, **more)


def rule_figures(objective: Any, outcome: Mapping[str, Any], net: Any, data: Any, logits: Any) -> dict[str, Any]:
    """What rules did: p and q on the test part, and each rule there, as plain values.

    Args:
        objective: a `RuleDistillation`.
        outcome: of its training, `RuleDistillation.outcome`.
        net: trained.
        data: its test part is looked at.
        logits: the net's of the test part, `(n, classes)`.
    """
    from leveret.rules._check import rule_counts
    from leveret.rules._posterior import posterior_of

    rules = objective.rules.with_weights(outcome["weights"])
    found = posterior_of(net, np.asarray(logits), rules, data, "test")
    known = np.asarray(data.train.labels)
    training = rule_counts(rules, objective.evidence.numpy(), known)
    counts = zip(training, found.labels, found.obeyed_by_p, found.obeyed_by_q, strict=True)
    rows = [
        {
            "name": rule.name,
            "weight": rule.weight,
            "learned": objective.rules.program.rules[i].learned,
            "fires_in_training": rule.fires / max(rule.groundings, 1),
            "asks_net": rule.asks_net,
            "fires": labels.fires / max(labels.groundings, 1),
            "labels_obey": labels.obeyed,
            "p_obeys": p.obeyed,
            "q_obeys": q.obeyed,
        }
        for i, (rule, labels, p, q) in enumerate(counts)
    ]
    return {
        "file": rules.name,
        "logic": rules.program.logic,
        "strength": rules.program.strength,
        "teacher": str(objective.schedule),
        "samples": len(known),
        "unlabelled": int((known < 0).sum()),
        "dropped": outcome["dropped"],
        "p": {"accuracy": found.p.accuracy, "interval": list(found.p.interval), "loss": found.p.loss},
        "q": {"accuracy": found.q.accuracy, "interval": list(found.q.interval), "loss": found.q.loss},
        "rows": rows,
    }
