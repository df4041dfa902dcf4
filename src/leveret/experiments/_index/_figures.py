"""The overview's figures and answers as plain values, for programs: what the page has in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments._index._papers import compared
from leveret.experiments._index._questions import QUESTIONS

__all__ = ["figures"]


def figures(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What JSON can hold.

    Args:
        results: as of `page`.

    Returns:
        `compared`, a dict for each figure: experiment, part, figure, unit, ours, paper (None where it has none) and
        remark; `answers`, by question; of quick runs also `quick`, and no answers.
    """
    rows = [
        {
            "experiment": name,
            "part": one.part_in(values),
            "figure": one.what,
            "unit": one.unit,
            "ours": ours,
            "paper": one.paper,
            "remark": one.remark,
        }
        for name, values in results.items()
        for one, ours in compared(name, values)
    ]
    if any(values.get("quick") for values in results.values()):
        return {"quick": True, "compared": rows, "answers": {}}
    return {
        "compared": rows,
        "answers": {question.text: question.answer(results.get(question.experiment, {})) for question in QUESTIONS},
    }
