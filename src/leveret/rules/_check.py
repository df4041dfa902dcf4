"""What rules do on data before anything is trained: how often each fires, and how often labels obey it already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.rules._contradictions import Contradiction, contradictions
from leveret.rules._counts import FIRES, RuleCount
from leveret.rules._ruleset import RuleSet, facts_of
from leveret.runtime.rules._evidence import Group, Says
from leveret.runtime.rules._facts import Facts, is_missing
from leveret.runtime.rules._program import RuleProgram
from leveret.runtime.rules._tree import atoms_of
from leveret.runtime.rules._words import has_phrase, words_of

__all__ = ["Checked", "RuleCount", "check", "never_fire", "rule_counts"]

_BLOCK = 4096


@dataclass(frozen=True)
class Checked:
    """What `leveret rules check` found.

    Attributes:
        counts: of each rule, in the file's order.
        contradictions: examples on which hard rules leave no class.
        warnings: rules that never fire, words that no text has, values of columns that name no group.
        part: of the data that was looked at.
    """

    counts: tuple[RuleCount, ...]
    contradictions: tuple[Contradiction, ...]
    warnings: tuple[str, ...]
    part: str

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "part": self.part,
            "rules": [count.as_dict() for count in self.counts],
            "contradictions": [{"example": c.example, "rules": list(c.rules)} for c in self.contradictions],
            "warnings": list(self.warnings),
        }


def check(rules: RuleSet, data: Any, part: str = "train") -> Checked:
    """Ask rules of a part of the data.

    Args:
        rules: for this data.
        data: from `leveret.load`.
        part: "train", "val" or "test".
    """
    facts, split = facts_of(data, part), getattr(data, part)
    if rules.program.tags:
        from leveret.rules._check_tags import contradictory_sentences, tag_counts

        rows = rules.token_evidence(facts)
        counts = tag_counts(rules, rows, split.labels, facts.tokens or ())
        found = contradictory_sentences(rules.program, rows)
    else:
        evidence = rules.evidence(facts, split.fetch)
        counts = rule_counts(rules, _with_guesses(rules.program, evidence, facts), np.asarray(split.labels))
        found = contradictions(rules.program, evidence)
    silent = [
        f"{rules.name}, {count.place}: rule {count.name!r} never fires on the {part} part"
        for count in counts
        if not count.fires
    ]
    return Checked(counts, tuple(found), (*silent, *_unheard(rules, facts), *_unnamed(rules, facts)), part)


def rule_counts(rules: RuleSet, evidence: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[RuleCount, ...]:
    """How often each rule fires and is obeyed; `labels` may be predictions, −100 counts for none."""
    program = rules.program
    fires = np.zeros((len(evidence), len(program.rules)), bool)
    obeyed = np.full(fires.shape, np.nan)
    for start in range(0, len(evidence), _BLOCK):
        block = slice(start, start + _BLOCK)
        truths = program.truths(evidence[block])
        fires[block] = truths.min(2) < FIRES
        known = labels[block] >= 0
        chosen = np.maximum(labels[block], 0)[:, None, None]
        obeyed[block] = np.where(known[:, None], np.take_along_axis(truths, chosen, 2)[:, :, 0], np.nan)
    own = set(program.own)
    counts = []
    for i, rule in enumerate(program.rules):
        where = fires[:, i] & ~np.isnan(obeyed[:, i])
        mean = float(obeyed[where, i].mean()) if where.any() else None
        asks = bool(own & set(atoms_of(rule.formula)))
        numbers = (len(evidence), int(fires[:, i].sum()), int(where.sum()))
        counts.append(RuleCount(rule.name, rule.weight, rules.places[i], *numbers, mean, asks))
    return tuple(counts)


def never_fire(program: RuleProgram, evidence: NDArray[np.float32]) -> list[str]:
    """The rules that rule nothing out on any example; those that ask the net itself aren't judged."""
    own = set(program.own)
    silent = {i for i, rule in enumerate(program.rules) if not own & set(atoms_of(rule.formula))}
    for start in range(0, len(evidence), _BLOCK):
        if not silent:
            break
        truths = program.truths(evidence[start : start + _BLOCK])
        silent -= set(np.flatnonzero((truths.min(2) < FIRES).any(0)).tolist())
    return [program.rules[i].name for i in sorted(silent)]


def _with_guesses(program: RuleProgram, evidence: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
    """The evidence with what a net would say that knows nothing: all classes are alike likely."""
    guessed, even = evidence.copy(), np.float32(1 / len(program.classes))
    for number in program.own:
        asked = program.evidence[number]
        assert isinstance(asked, Says)
        guessed[:, number] = asked.heard(even)
        if asked.side is not None:
            guessed[[text is None for text in asked.clauses(facts)], number] = np.nan
    return guessed


def _unheard(rules: RuleSet, facts: Facts) -> list[str]:
    """Words that rules ask for and no text has."""
    if facts.texts is None and facts.tokens is None:
        return []
    texts = facts.texts if facts.texts is not None else [" ".join(tokens) for tokens in facts.tokens or ()]
    split = [words_of(text) for text in texts]
    single = {word.text for words in split for word in words}
    missing = []
    for phrase, place in rules.words.items():
        parts = [word.text for word in words_of(phrase)] or [phrase.lower()]
        heard = parts[0] in single if len(parts) == 1 else any(has_phrase(words, parts) for words in split)
        if not heard:
            missing.append(f"{rules.name}, {place}: no text has {phrase!r}")
    return missing


def _unnamed(rules: RuleSet, facts: Facts) -> list[str]:
    """Values of a column that labels should follow, and that are neither groups nor classes."""
    told = []
    for asked in rules.program.evidence:
        if isinstance(asked, Group):
            values = {str(v).strip() for v in facts.columns.get(asked.column, ()) if not is_missing(v)}
            if unknown := sorted(values - set(asked.groups)):
                listed = ", ".join(map(repr, unknown[:5])) + (", …" if len(unknown) > 5 else "")
                told.append(f"column {asked.column!r} has values that name no group or class: {listed}")
    return told
