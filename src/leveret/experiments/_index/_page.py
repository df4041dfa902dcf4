"""The page itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._experiment import Experiment
from leveret.experiments._index._papers import Compared, compared
from leveret.experiments._index._questions import QUESTIONS
from leveret.experiments._registry import EXPERIMENTS
from leveret.experiments._results import QUICK, markdown_table, seeds_of, wrapped
from leveret.report.words import duration

__all__ = ["page"]

_Values = Mapping[str, Any]
_MISSING = "not recorded"


def page(results: Mapping[str, _Values]) -> str:
    """Markdown.

    Args:
        results: the content of each experiment's JSON file, by name; those that weren't run are left out.
    """
    quick = any(values.get("quick") for values in results.values())
    text = [
        "# Results",
        "",
        wrapped(
            "Rendered from the JSON files beside it. Each experiment has a page with its tables; here stand the "
            "papers' figures beside ours, how each part was run, and what was learned about the questions that the "
            "reviews of the papers leave open. Papers measured larger nets on larger machines: what differs is "
            "remarked. What earlier runs did not note about themselves is “not recorded”."
        ),
        "",
        *([QUICK, ""] if quick else []),
        _overview(results),
        "",
    ]
    if not quick:
        text += _questions(results)
    for name, experiment in EXPERIMENTS.items():
        if name in results:
            text += _experiment(experiment, results[name])
    return "\n".join(text).rstrip("\n") + "\n"


def _overview(results: Mapping[str, _Values]) -> str:
    rows = []
    for name, experiment in EXPERIMENTS.items():
        parts = results.get(name, {}).get("parts", {})
        dates = sorted(details["date"] for details in parts.values() if "date" in details)
        rows.append(
            (
                f"[{name}]({name}.md)" if parts else name,
                experiment.title,
                experiment.paper,
                f"{len(parts)} of {len(experiment.parts)}",
                dates[-1] if dates else "not run",
            )
        )
    return markdown_table(["experiment", "what it measures", "paper", "parts", "last run"], rows)


def _experiment(experiment: Experiment, values: _Values) -> list[str]:
    name, parts = experiment.name, values["parts"]
    after = "Ours" if experiment.paper == "ours" else f"After {experiment.paper}"
    text = [f"## {name}", "", f"{experiment.title}. {after}. [All tables]({name}.md)", ""]
    if shown := compared(name, values):
        header = ["figure", "paper's", "ours", "difference", "part", "remark"]
        text += [markdown_table(header, [_compared(one, found, name, values) for one, found in shown]), ""]
    rows = [_run(experiment, part, parts[part]) for part in experiment.parts if part in parts]
    text += [markdown_table(["part", "command", "seeds", "date", "time taken"], rows), ""]
    if absent := [part for part in experiment.parts if part not in parts]:
        text += [f"Not run: {', '.join(absent)}.", ""]
    return text


def _compared(one: Compared, ours: float, name: str, values: _Values) -> tuple[str, ...]:
    part = one.part_in(values)
    paper = "–" if one.paper is None else one.paper if isinstance(one.paper, str) else _value(one.paper, one.unit)
    link = f"[{part}]({name}.md#{part})"
    return one.what, paper, _value(ours, one.unit), _difference(one, ours), link, one.remark


def _difference(one: Compared, ours: float) -> str:
    if one.paper is None or isinstance(one.paper, str):
        return "–"
    if one.unit == "x":
        return f"{ours / one.paper:.2f} times the paper's"
    if one.unit == "":
        return f"{ours - one.paper:+,g}".replace("-", "−") if ours != one.paper else "none"
    return f"{ours - one.paper:+.2f} points".replace("-", "−")


def _value(value: float, unit: str) -> str:
    if unit == "":
        return f"{int(value):,}" if float(value).is_integer() else f"{value:.3f}"
    if unit == "points":
        return f"{value:+.2f} points".replace("-", "−")
    return f"{value:.2f} %" if unit == "%" else f"{value:.2f}x"


def _run(experiment: Experiment, part: str, details: _Values) -> tuple[str, ...]:
    seeds = seeds_of(details, experiment.parts[part].seeds)
    if seeds is None:
        told = _MISSING
    elif not seeds:
        told = "–"
    else:
        told = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    link = f"[{part}]({experiment.name}.md#{part})"
    return link, f"`{details['command']}`", told, details["date"], _took(experiment, details)


def _took(experiment: Experiment, details: _Values) -> str:
    """The time of the whole part, or what is known of it."""
    if "took_seconds" in details:
        return duration(details["took_seconds"])
    if "cpu_seconds" in details:
        return f"{duration(details['cpu_seconds'])} of one core"
    if experiment.name == "shrink":
        return f"trainings {duration(details['seconds'])}"
    return _MISSING


def _questions(results: Mapping[str, _Values]) -> list[str]:
    text = ["## What we learned about the open questions", ""]
    for question in QUESTIONS:
        values = results.get(question.experiment, {})
        answer = question.answer(values)
        text += [
            f"**{question.text}**",
            f"([{question.experiment}]({question.experiment}.md))" if values else f"({question.experiment})",
            "",
            wrapped(answer or f"Not answered: `{question.command}` has not been run, or not whole."),
            "",
        ]
    return text
