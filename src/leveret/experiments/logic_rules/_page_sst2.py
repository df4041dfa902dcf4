"""The page's part on SST-2: what p and q gained, and how much of it plain projection has as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from leveret.experiments._results import markdown_table, wrapped
from leveret.experiments.logic_rules._spread import deviation, error, gained, spread

__all__ = ["sst2"]

_NAMES = {
    "cnn": ("CNN", "87.2"),
    "clauses": ("CNN, the clauses after *but* as further examples", ""),
    "projected": ("CNN, the rule at test (plain projection)", ""),
    "p": ("p: learned with the rule", "88.8"),
    "q": ("q: learned with the rule, the rule at test", "89.3"),
}
_ASKED = {"": ("all sentences", 0.5), "but_": ('those with "but"', 2.0)}
_OTHERS = {"rules": "left out", "unlabelled": "with the rule", "control": "without a rule"}
_UP = 1e-9


def sst2(details: Mapping[str, Any]) -> list[str]:
    rows = {name: np.array(values) for name, values in details["rows"].items()}
    lines = []
    for key, (name, paper) in _NAMES.items():
        cells = []
        for on in _ASKED:
            cells += [spread(rows[on + key]), "" if key == "cnn" else gained(rows[on + key] - rows[f"{on}cnn"])]
        lines.append((name, *cells, paper))
    parts = details["sentences"]
    return [
        wrapped(
            f"Kim's CNN of {details['parameters']:,} weights over GloVe's vectors of 100 numbers, scaled to the size "
            f"of word2vec's. {details['epochs']} epochs of {parts['train']:,} sentences in batches of 50, Adadelta, "
            f"the best epoch by {parts['val']:,} others. {details['teacher']}, C = 6. Accuracy on "
            f'{parts["test"]:,} test sentences, of which {details["but"]} have "but" and {details["fires"]} a '
            f"clause behind it: mean ± standard deviation of {details['seeds']} seeds, and the gain over the CNN of "
            "the same seed. The paper's figures are of word2vec's vectors of 300 numbers and of a training part with "
            "all phrases of the treebank, which isn't here; so are levels not to be compared, but gains. "
            f"{details['clauses']:,} clauses were added."
        ),
        "",
        markdown_table(["", "all, %", "gain, points", 'with "but", %', "gain, points", "Hu et al., all, %"], lines),
        "",
        *_judged(rows, details),
        *_few(details),
        "",
        wrapped(
            "Trainings took "
            + ", ".join(f"{details['seconds'][name]:.0f} s ({what})" for name, what in _TRAINED.items())
            + f". The cost ratio is of the processor's time of an epoch's steps on the same batches, the median of "
            f"{details['cost_turns']} turns."
        ),
    ]


_TRAINED = {"plain": "CNN", "clauses": "with clauses", "rules": "with the rule"}


def _judged(rows: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    """What the figures answer to what was asked."""
    said = []
    for on, (where, asked) in _ASKED.items():
        gain = 100 * (rows[f"{on}p"] - rows[f"{on}cnn"])
        enough = gain.mean() >= asked - _UP
        met = f"as {asked:g} were asked" if enough else f"where {asked:g} were asked: missed"
        said.append(f"p is {gain.mean():+.2f} points from the CNN on {where}, {met}.")
        beyond = 100 * (rows[f"{on}q"] - rows[f"{on}p"]).mean()
        said.append(f"q is {beyond:+.2f} from p there.")
    for on, (where, _) in _ASKED.items():
        whole = 100 * (rows[f"{on}q"] - rows[f"{on}cnn"]).mean()
        projected = 100 * (rows[f"{on}projected"] - rows[f"{on}cnn"]).mean()
        said.append(
            f"On {where} q gains {whole:+.2f} over the CNN; projecting a CNN that never saw the rule gains "
            f"{projected:+.2f}, {_part_of(projected, whole)}."
        )
    if details["seeds"] > 1:
        said.append(_certain(rows))
    short = any(100 * (rows[f"{on}p"] - rows[f"{on}cnn"]).mean() < asked - _UP for on, (_, asked) in _ASKED.items())
    if short:
        said.append(_why(rows, details))
    return [wrapped(" ".join(said)), ""]


def _part_of(projected: float, whole: float) -> str:
    if projected >= whole - _UP:
        return "no less: what q gains needs no learning from the rule"
    return f"{max(projected, 0) / whole:.0%} of it" if whole > _UP else "less"


def _certain(rows: Mapping[str, Any]) -> str:
    """Whether seeds tell p from the CNN at all."""
    told = []
    for on, (where, _) in _ASKED.items():
        gain = rows[f"{on}p"] - rows[f"{on}cnn"]
        clear = 100 * abs(gain.mean()) > 2 * error(gain)
        told.append(f"{error(gain):.2f} on {where}, so that a difference is {'' if clear else 'not '}shown")
    return f"The standard error of p's gain over seeds is {'; '.join(told)}."


def _why(rows: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    test, fires, changed = details["sentences"]["test"], details["fires"], details["changed"]
    needed = 0.005 * test
    little = changed["rules"] > 0.75 * changed["plain"]
    return (
        f"Why p gains no more: the rule speaks of {fires} of {test:,} test sentences, {fires / test:.0%}, and half a "
        f"point of all is {needed:.0f} sentences, {needed / fires:.0%} of those; elsewhere q is p, and the net learns "
        f'from itself. One sentence with "but" is {100 / details["but"]:.2f} points of them, while the CNN\'s own '
        f"accuracy there spreads by {deviation(rows['but_cnn']):.2f} over seeds. The rule at test still changes the "
        f"answer of {changed['rules']:.1f} sentences of the net that learned with it, {changed['plain']:.1f} of the "
        f"CNN's: p took over {'little' if little else 'a part'} of the rule. The teacher's part was set beforehand, "
        "not searched."
    )


def _few(details: Mapping[str, Any]) -> list[str]:
    found = details["fractions"]
    if not found:
        return []
    of: dict[tuple[float, str], dict[str, list[float]]] = {}
    for row in found:
        kept = of.setdefault((row["fraction"], row["method"]), {"p": [], "q": [], "seed": []})
        for key in kept:
            kept[key].append(row[key])
    lines, best, beyond = [], [], []
    for fraction in sorted({fraction for fraction, _ in of}):
        base = of[fraction, "plain"]
        for method, text in _OTHERS.items():
            if (fraction, method) not in of:  # figures of a run without it
                continue
            one = of[fraction, method]
            values = [base["p"], base["q"], one["p"], one["q"]]
            lines.append((f"{fraction:.0%}", text, *(spread(np.array(value)) for value in values)))
            best.append((100 * float(np.mean(np.array(one["p"]) - np.array(base["p"]))), fraction, text))
            if method == "control":
                gain = np.array(of[fraction, "unlabelled"]["p"]) - np.array(one["p"])
                beyond.append(f"{fraction:.0%}: {gained(gain)}")
    seeds = len({row["seed"] for row in found})
    passes = "; ".join(f"{float(key):.0%}: {plain} and {more}" for key, (plain, more) in details["few"].items())
    told = "; ".join(f"{fraction:.0%} {text}: {gain:+.2f}" for gain, fraction, text in best)
    return [
        wrapped(
            f"With few labels, {seeds} seed{'s' if seeds > 1 else ''}, all test sentences. The other sentences are "
            "left out, or stay without a label and learn from the teacher, half of each batch; then those without a "
            "clause behind \"but\" learn from what the net says anyway. Passes over the labelled sentences, and "
            f"over all where those stay: {passes}. {details['few_teacher']}. "
            "The best epoch is by all of the validation part's labels."
        ),
        "",
        markdown_table(["labels", "other sentences", "CNN, %", "projected, %", "p, %", "q, %"], lines),
        "",
        wrapped(
            f"Gain of p over the CNN, points: {told}. Where the other sentences stay, the net takes more steps, too; "
            + (
                "without a rule is the same training with a rule that weighs nothing. What is the rule's own: p with "
                f"the rule over p without, points: {'; '.join(beyond)}."
                if beyond
                else "none was trained on them without the rule: the rule's part in those gains isn't known."
            )
        ),
    ]  # fmt: skip
