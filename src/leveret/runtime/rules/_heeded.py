"""q of a packed model: its answer with the rules that its file carries, by numpy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime.rules._evidence import Says
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._posterior import log_posterior
from leveret.runtime.rules._program import RuleProgram

__all__ = ["heeded"]

Ask = Callable[[list[str]], NDArray[np.floating]]


def heeded(
    program: RuleProgram, logits: NDArray[np.floating], facts: Facts, ask: Ask | None = None
) -> NDArray[np.float64]:
    """q of each example, `(n, classes)`: probabilities, 0 for what a hard rule forbids.

    Args:
        program: the rules, `Packed.rules`.
        logits: the model's, `(n, classes)`.
        facts: what is known of the n examples; rules are silent where it isn't.
        ask: gives the model's logits of texts, for rules that ask it of a clause.

    Raises:
        LeveretUsageError: as many facts as logits are needed; rules of tags; a rule asks of a clause, and there is no
            `ask`.
    """
    if program.tags:
        raise LeveretUsageError("these rules are of tags of sequences, see leveret.runtime.rules.heeded_tags")
    if logits.shape != (len(facts), len(program.classes)):
        raise LeveretUsageError(
            f"logits must be ({len(facts)} examples, {len(program.classes)} classes), got {logits.shape}"
        )
    evidence, whole = program.gathered(facts), _softmax(logits)
    for number in program.own:
        asked = program.evidence[number]
        assert isinstance(asked, Says)
        evidence[:, number] = asked.heard(_of_clauses(asked, facts, ask) if asked.side else whole[:, asked.place])
    return np.exp(log_posterior(logits.astype(np.float64), *program.penalties(program.truths(evidence))))


def _of_clauses(asked: Says, facts: Facts, ask: Ask | None) -> NDArray[np.float64]:
    """What the model says of each example's clause, NaN where there is none."""
    if ask is None or facts.texts is None:
        raise LeveretUsageError("a rule asks the model of a part of each text: give the texts, and ask")
    clauses = asked.clauses(facts)
    rows = [i for i, text in enumerate(clauses) if text is not None]
    found = np.full(len(facts), np.nan)
    if rows:
        found[rows] = _softmax(ask([text for text in clauses if text is not None]))[:, asked.place]
    return found


def _softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    e = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
