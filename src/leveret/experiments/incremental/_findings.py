"""What the page says of a dataset: where the wishes are met, and, where they aren't, why, all from the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import markdown_table, wrapped
from leveret.experiments.incremental._settings import METHODS

__all__ = ["findings"]

_Row = Mapping[str, Any]

_GAP, _FORGOTTEN, _RATIO = 0.015, 0.01, 0.4  # what was asked


def findings(details: Mapping[str, Any], rows: Sequence[_Row]) -> list[str]:
    """Paragraphs of the page, with an empty line after each."""
    by = {(row["step"], row["method"]): row for row in rows}
    trees = [row for row in rows if row["method"] == "tree"]
    said = [_end(trees[-1], by), _gap(max(trees, key=lambda row: row["gap"]), by), _forgotten(trees, by)]
    said += [_compute(max(trees, key=lambda row: row["ratio"])), _shape(trees, by)]
    return [line for paragraph in said if paragraph for line in (wrapped(paragraph), "")] + _ways(trees)


def _end(last: _Row, by: Mapping[tuple[int, str], _Row]) -> str:
    anew, flat = by[last["step"], "scratch"], by[last["step"], "flat"]
    light = max(
        (by[last["step"], method] for method in ("replay", "lwf", "fine-tune")), key=lambda row: row["accuracy"]
    )
    return (
        f"After the last step the tree has {_percent(last, 'accuracy')} and training anew "
        f"{_percent(anew, 'accuracy')}; the step took {100 * last['ratio']:.0f} % of the compute. Growing flat, for as "
        f"many epochs, has {_percent(flat, 'accuracy')}. Of the methods that keep few old samples or none, "
        f"{METHODS[light['method']][0]} has most, {_percent(light, 'accuracy')}."
    )


def _gap(far: _Row, by: Mapping[tuple[int, str], _Row]) -> str:
    """Where the tree is furthest below training anew."""
    if far["gap"] <= _GAP:
        if far["gap"] + far["gap_spread"] <= _GAP:
            return ""
        return (
            f"In step {far['step']} the tree is {100 * far['gap']:.2f} ± {100 * far['gap_spread']:.2f} points below "
            "training anew, the mean and the standard deviation over the seeds: within what was asked on average, but "
            "not with every seed. "
        ) + _short(far, by)
    beams = f"; with all leaves asked it has {_percent(far, 'all_beams')}" if "all_beams" in far else ""
    text = f"In step {far['step']} the tree is {100 * far['gap']:.2f} points below training anew{beams}. "
    return text + _short(far, by)


def _short(far: _Row, by: Mapping[tuple[int, str], _Row]) -> str:
    """Whether the gap is of the short training or of the tree."""
    flat = by[far["step"], "flat"]["gap"]
    if flat > far["gap"] / 2:
        return (
            f"One flat net that spends as many epochs is {100 * flat:.2f} points below: most of the gap is of the "
            "short training, whatever the shape."
        )
    return (
        f"One flat net that spends as many epochs is only {100 * flat:.2f} points below: what the leaves take is "
        "missing in the branch, which decides the group."
    )


def _forgotten(trees: Sequence[_Row], by: Mapping[tuple[int, str], _Row]) -> str:
    """What is lost on old classes, and how much of it no training could keep."""
    lost = max(trees, key=lambda row: row["forgotten"])
    if lost["forgotten"] <= _FORGOTTEN:
        return ""
    anew = by[lost["step"], "scratch"]
    change = lost["before"] - lost["old_alone"]
    forgot = f"{100 * change:.2f} points were forgotten" if change > 0 else "nothing was forgotten"
    return (
        f"On old classes the tree loses most in step {lost['step']}, {_percent(lost, 'before')} before and "
        f"{_percent(lost, 'old')} after. Training anew on everything goes down by {100 * anew['forgotten']:.2f} points "
        "there: some new classes look like old ones, and each is a class more to be mistaken for. Told among the old "
        f"classes alone, the tree's answers are right for {_percent(lost, 'old_alone')}: {forgot}."
    )


def _compute(most: _Row) -> str:
    if most["ratio"] <= _RATIO:
        return ""
    return (
        f"In step {most['step']} growing took {100 * most['ratio']:.0f} % of the compute of training anew: the "
        "branch's epochs and the leaves' together are more than was asked."
    )


def _shape(trees: Sequence[_Row], by: Mapping[tuple[int, str], _Row]) -> str:
    """What leaves, and an error-driven partition, are worth."""
    branched = [row for row in trees if "all_beams" in row]
    if not branched:
        return "The tree has not branched: by the rule, its leaf could hold all classes."
    gains = ", ".join(f"{100 * (row['accuracy'] - row['branch_alone']):+.2f}" for row in branched)
    pairs = [(row, by[row["step"], "random"]) for row in branched]
    chance = ", ".join(f"{100 * (row['accuracy'] - other['accuracy']):+.2f}" for row, other in pairs)
    spent = ", ".join(f"{row['ratio']:.2f} against {other['ratio']:.2f}" for row, other in pairs)
    flat = ", ".join(f"{100 * (row['accuracy'] - by[row['step'], 'flat']['accuracy']):+.2f}" for row in branched)
    return (
        f"Where the tree has branched, its leaves give {gains} points over the branch's own net alone, and all of it "
        f"{flat} over one flat net of as many epochs, which is smaller and answers sooner. The "
        f"error-driven partition gives {chance} points over a random one, for compute of {spent}. How else such a tree "
        "may answer:"
    )


def _ways(trees: Sequence[_Row]) -> list[str]:
    """A table of the trees that have branched; none where there is none."""
    ways = {
        "accuracy": "one leaf, with the branch's say",
        "as_in_paper": "one leaf alone, as in the paper",
        "all_beams": "all leaves, with the branch's say",
        "branch_alone": "the branch alone",
    }
    rows = [(f"{row['step']}", *(f"{100 * row[key]:.2f}" for key in ways)) for row in trees if "all_beams" in row]
    return [markdown_table(["step", *ways.values()], rows), ""] if rows else []


def _percent(row: _Row, key: str) -> str:
    return f"{100 * row[key]:.2f} %"
