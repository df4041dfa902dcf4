"""Rules in the jobs: an objective from a rule file, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from leveret.errors import LeveretUsageError

__all__ = ["RuleOptions", "carried", "labelled_sampler", "rule_figures", "rule_objective", "tag_rule_figures"]

Contradictory = Literal["refuse", "drop"]

_FEW = 0.25


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
    """The objective that teaches the rules: of labels, or of sentences with tags.

    Raises:
        LeveretError: as `read_rules` and `RuleDistillation`.
    """
    from leveret.rules import RuleDistillation, SequenceRuleDistillation, read_rules

    assert options.file is not None
    functions = None if options.functions is None else Path(options.functions)
    given: dict[str, Any] = {} if options.strength is None else {"strength": options.strength}
    rules = read_rules(Path(options.file), data, functions=functions, **given)
    more: dict[str, Any] = {} if options.share is None else {"pi": options.share}
    contradictory: Any = options.contradictory
    teach: Any = SequenceRuleDistillation if data.kind == "tag" else RuleDistillation
    return teach(rules, data, contradictory=contradictory, **more)


def labelled_sampler(labels: Any, seed: int) -> Any:
    """A quarter of each batch has a label, where fewer samples have one; None where more have, or none."""
    from leveret.training import LabelledSampler

    # what few labels say mustn't drown in what the rules say of all else
    known = np.asarray(labels)
    return LabelledSampler(known, _FEW, seed=seed) if 0 < (known >= 0).mean() < _FEW else None


def carried(objective: Any) -> Any:
    """The rules that a packed net can carry, with the weights that were learned; None where there are none such."""
    taught = getattr(objective, "taught", None)
    if taught is None:
        return None
    rules = taught()
    return None if rules.program.functions or rules.program.nets else rules


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
    return {
        **_figures(objective, rules, outcome, len(known), int((known < 0).sum())),
        "p": {"accuracy": found.p.accuracy, "interval": list(found.p.interval), "loss": found.p.loss},
        "q": {"accuracy": found.q.accuracy, "interval": list(found.q.interval), "loss": found.q.loss},
        "rows": _rows(objective, training, found.labels, found.obeyed_by_p, found.obeyed_by_q),
    }


def tag_rule_figures(
    objective: Any, outcome: Mapping[str, Any], data: Any, p: Any, q: Any, paths: Mapping[str, Any]
) -> dict[str, Any]:
    """The same of sentences with tags.

    Args:
        objective: a `SequenceRuleDistillation`.
        outcome: of its training.
        data: `TaggingData`; its test part is looked at.
        p, q: `TagEvaluation`s of that part.
        paths: the tags of its sentences by "p" and by "q", `(tokens,)` each.
    """
    from leveret.rules import facts_of
    from leveret.rules._check_tags import tag_counts

    rules = objective.rules.with_weights(outcome["weights"])
    facts = facts_of(data, "test")
    evidence = rules.token_evidence(facts)
    by = [tag_counts(rules, evidence, said, facts.tokens or ()) for said in (data.test.labels, paths["p"], paths["q"])]
    tokens = data.train.fetch(range(len(data.train)))
    training = tag_counts(rules, objective.evidence, data.train.labels, tokens)
    figures = {
        name: {key: getattr(found, key) for key in ("f1", "precision", "recall", "broken")}
        for name, found in (("p", p), ("q", q))
    }
    unlabelled = int((~data.train.labelled).sum())
    return {
        **_figures(objective, rules, outcome, len(data.train), unlabelled),
        **figures,
        "rows": _rows(objective, training, *by),
    }


def _figures(objective: Any, rules: Any, outcome: Mapping[str, Any], samples: int, unlabelled: int) -> dict[str, Any]:
    return {
        "file": rules.name,
        "logic": rules.program.logic,
        "strength": rules.program.strength,
        "teacher": str(objective.schedule),
        "samples": samples,
        "unlabelled": unlabelled,
        "dropped": outcome["dropped"],
        "packs": carried(objective) is not None,
    }


def _rows(objective: Any, training: Any, by_labels: Any, by_p: Any, by_q: Any) -> list[dict[str, Any]]:
    """A row a rule: how often it fires, and its mean truth there."""
    return [
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
        for i, (rule, labels, p, q) in enumerate(zip(training, by_labels, by_p, by_q, strict=True))
    ]
