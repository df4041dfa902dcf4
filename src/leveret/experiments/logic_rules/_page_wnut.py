"""The page's part on WNUT-2017: entity F1 and broken transitions with rules of tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from leveret.experiments._results import markdown_table, wrapped
from leveret.experiments.logic_rules._spread import error, gained, spread

__all__ = ["wnut"]

_NAMES = {
    "base": ("tagger", "89.44"),
    "bio_projected": ("tagger, transitions at test (plain projection)", ""),
    "bio_p": ("+ transitions, p", "89.80"),
    "bio_q": ("+ transitions, q", "91.11"),
    "lists_projected": ("tagger, transitions and lists at test (plain projection)", ""),
    "lists_p": ("+ transitions and lists, p", "89.93"),
    "lists_q": ("+ transitions and lists, q", "91.18"),
}


def wnut(details: Mapping[str, Any]) -> list[str]:
    f1 = {name: np.array(row["f1"]) for name, row in details["rows"].items()}
    lines = []
    for key, (name, paper) in _NAMES.items():
        broken = float(np.mean(details["rows"][key]["broken"]))
        gain = "" if key == "base" else gained(f1[key] - f1["base"])
        lines.append((name, spread(f1[key]), gain, f"{broken:.1f}", paper))
    parts, ties, seconds = details["sentences"], details["ties"], details["seconds"]
    return [
        wrapped(
            f"LSTMs in both directions over GloVe's vectors and letters, and a CRF, {details['parameters']:,} weights; "
            f"{details['epochs']} epochs of {parts['train']:,} sentences, the best by F1 on {parts['val']:,} others, "
            f"{details['teacher']}. F1 of whole entities on {parts['test']:,} test sentences, mean ± standard "
            f"deviation of {details['seeds']} seeds, gain over the tagger of the same seed, and broken transitions a "
            f"seed. Transitions are a hard rule. Lists are a soft one of weight 0.3, C = 6. {_tied(ties)} "
            "The paper's figures are of CoNLL-2003 and a tagger without a CRF: F1 there is much higher, and "
            "transitions had more to mend."
        ),
        "",
        markdown_table(["", "F1, %", "gain, points", "broken", "Hu et al., CoNLL-2003"], lines),
        "",
        wrapped(_judged(f1, details)),
        "",
        wrapped(
            f"Trainings took {seconds['plain']:.0f} s (tagger), {seconds['bio']:.0f} s (with transitions) and "
            f"{seconds['lists']:.0f} s (with lists).{_cost(details)}"
        ),
    ]  # fmt: skip


def _cost(details: Mapping[str, Any]) -> str:
    ratios = details.get("cost_ratios")
    if not ratios:
        return ""
    return (
        f" Forward and backward of the same batches take {ratios['bio']:.2f} times the processor's time with "
        f"transitions, {ratios['lists']:.2f} times with lists, the median of turns; the page's figure is the larger."
    )


def _tied(ties: Mapping[str, Any]) -> str:
    """What the rule ties, by the labels."""
    said = f"In the training part {ties['train']:,} members stand beside one of their list, and {ties['obeyed']:.0%} "
    said += "are of its category"
    if "chance" not in ties:
        return f"{said}."
    said += f", where {ties['chance']:.0%} would be by chance"
    if ties["entities"]:
        said += f"; {ties['entities']:,} of them are, or stand beside, an entity, and of those "
        said += f"{ties['entities_obeyed']:.0%} agree"
    return f"{said}."


def _judged(f1: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    broken = {name: sum(row["broken"]) for name, row in details["rows"].items()}
    by_rules = sum(count for name, count in broken.items() if name.endswith(("_q", "_projected")))
    said = [
        "No broken transition is left where the rule is heeded."
        if not by_rules
        else f"{by_rules} broken transitions are left where the rule is heeded, which must not be."
    ]
    said.append(
        f"The tagger alone, which learns scores of transitions, breaks {broken['base'] / details['seeds']:.1f}."
    )
    for name, text in (("bio", "transitions"), ("lists", "transitions and lists")):
        values = (100 * (f1[f"{name}_{one}"] - f1["base"]).mean() for one in ("p", "q", "projected"))
        said.append("With {} p gains {:+.2f} points of F1, q {:+.2f}, projection alone {:+.2f}.".format(text, *values))
    if details["seeds"] > 1:
        gain = f1["bio_p"] - f1["base"]
        clear = "more" if 100 * abs(gain.mean()) > 2 * error(gain) else "no more"
        said.append(f"What transitions change in p is {clear} than twice its standard error, {error(gain):.2f}.")
    if (f1["bio_p"] - f1["base"]).mean() < 0:
        said.append(_why_transitions(details))
    if (last := 100 * (f1["lists_p"] - f1["bio_p"]).mean()) <= 0 and "chance" in details["ties"]:
        said.append(_why_lists(last, f1, details))
    return " ".join(said)


def _why_transitions(details: Mapping[str, Any]) -> str:
    """Why learning with a rule that finds nothing to mend costs something."""
    pi, alpha = (float(part.partition("=")[2]) for part in details["teacher"].split(", "))
    share = min(pi, 1 - alpha ** (details["epochs"] - 1))
    broken = float(np.mean(details["rows"]["base"]["broken"]))
    return (
        f"With {broken:.1f} transitions to mend q is p, so that the teacher repeats what the net says; and its part of "
        f"the loss, {share:.0%} in the last epoch, is taken from the labels."
    )


def _why_lists(lost: float, f1: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """Why the rule on lists helps p no further than transitions do."""
    ties, beyond = details["ties"], f1["lists_p"] - f1["bio_p"]
    said = (
        f"Lists add {lost:+.2f} points to what p has from transitions. Little can be gained by them here: in tweets "
        f"commas part clauses, and of {ties['test']:,} pairs of neighbours in a list of the test part "
        f"{ties['test_entities']:,} have an entity in them. "
    )
    if len(beyond) > 1:
        clear = "more" if abs(lost) > 2 * error(beyond) else "no more"
        said += f"The difference is {clear} than twice its standard error over seeds, {error(beyond):.2f}. "
    wrong = 1 - (ties["entities_obeyed"] or 0.0)
    return said + f"And where an entity is tied, the rule is wrong for {wrong:.0%} of the training part's pairs."
