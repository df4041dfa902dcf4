"""p and q of a trained net side by side: what it says, and what its rules make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leveret.metrics import Evaluation
from leveret.rules._asking import OwnOpinions
from leveret.rules._check import rule_counts
from leveret.rules._counts import RuleCount
from leveret.rules._ruleset import RuleSet, facts_of
from leveret.runtime.rules._posterior import log_posterior
from leveret.training import logits_of

__all__ = ["Posterior", "posterior"]

_NEVER = -1e4  # of a forbidden class, where logits must be finite


@dataclass(frozen=True)
class Posterior:
    """A net on one part of the data, alone and with its rules.

    Attributes:
        p, q: evaluations of the net, and of the teacher.
        labels, obeyed_by_p, obeyed_by_q: how often each rule fires there, and is obeyed by the labels, p and q.
    """

    p: Evaluation
    q: Evaluation
    labels: tuple[RuleCount, ...]
    obeyed_by_p: tuple[RuleCount, ...]
    obeyed_by_q: tuple[RuleCount, ...]


def posterior(net: nn.Module, rules: RuleSet, data: Any, part: str = "test") -> Posterior:
    """What a net says of a part of the data, and what its rules make of it.

    With rules that a net was not trained with this is plain projection.

    Args:
        net: trained; put in eval mode meanwhile.
        rules: for the data's classes; after learning weights, `RuleDistillation.taught()`.
        data: from `leveret.load`.
        part: "test", "val" or "train".

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    logits = logits_of(net, data, part)  # type: ignore[arg-type]
    return posterior_of(net, logits.numpy(), rules, data, part)


def posterior_of(net: nn.Module, logits: NDArray[np.float32], rules: RuleSet, data: Any, part: str) -> Posterior:
    """The same from logits `(n, classes)` that are known already."""
    facts, split, program = facts_of(data, part), getattr(data, part), rules.program
    evidence = rules.evidence(facts, split.fetch)
    opinions = OwnOpinions(program, facts)
    if opinions.asked:
        blocks = torch.arange(len(facts)).split(256)
        known = torch.from_numpy(evidence)
        said = torch.from_numpy(logits)
        with torch.no_grad():
            evidence = torch.cat([opinions.fill(known[b], net, said[b], b) for b in blocks]).numpy()
    log_q = log_posterior(logits.astype(np.float64), *program.penalties(program.truths(evidence)))
    labels, classes = np.asarray(split.labels, np.int64), tuple(data.classes)
    p = Evaluation(logits, labels, classes)
    q = Evaluation(np.maximum(log_q, _NEVER).astype(np.float32), labels, classes)
    by = (rule_counts(rules, evidence, said) for said in (labels, p.predictions, q.predictions))
    return Posterior(p, q, *by)
