"""The steps of all seeds as rows: a mean and a spread for each dataset, step and method; and the page's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["figures_of", "rows_of"]

_FIGURES = (
    "accuracy",
    "before",
    "old",
    "new",
    "old_alone",
    "forgotten",
    "compute",
    "seconds",
    "cpu_seconds",
    "ratio",
    "gap",
    "branch_alone",
    "all_beams",
    "as_in_paper",
)


def rows_of(dataset: str, seeds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with `dataset`, `step`, `method`, `seeds`, and each figure's mean, its spread under `FIGURE_spread`.

    `old_accuracy` is `old`, `gap` how far it lies below training anew, and `ratio` its compute over that.
    """
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for seed in seeds:
        scratch = {row["step"]: row for row in seed["rows"] if row["method"] == "scratch"}
        for row in seed["rows"]:
            beside = scratch.get(row["step"])
            more = {}
            if beside is not None:
                more["gap"] = beside["accuracy"] - row["accuracy"]
                more["ratio"] = row["compute"] / beside["compute"]
            found.setdefault((row["step"], row["method"]), []).append({**row, **more})
    rows = []
    for (step, method), these in found.items():
        own: dict[str, Any] = {"dataset": dataset, "step": step, "method": method, "seeds": len(these)}
        for figure in _FIGURES:
            values = [row[figure] for row in these if row.get(figure) is not None]
            if values:
                own[figure] = float(np.mean(values))
                own[f"{figure}_spread"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        own["old_accuracy"] = own.get("old")
        rows.append(own)
    return rows


def figures_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures at the top of the JSON file, over all datasets and steps."""

    def worst(method: str, figure: str) -> float:
        return float(max(row[figure] for row in rows if row["method"] == method and figure in row))

    def best_other(row: Mapping[str, Any]) -> float:
        others = [
            one["accuracy"]
            for one in rows
            if (one["dataset"], one["step"]) == (row["dataset"], row["step"])
            and one["method"] in ("replay", "lwf", "fine-tune")
        ]
        return float(row["accuracy"] - max(others))

    trees = [row for row in rows if row["method"] == "tree"]
    branched = [row for row in trees if "all_beams" in row]
    by_key = {(row["dataset"], row["step"], row["method"]): row for row in rows}
    over_random = [
        row["accuracy"] - by_key[row["dataset"], row["step"], "random"]["accuracy"] for row in branched
    ]  # fmt: skip
    over_branch = [row["accuracy"] - row["branch_alone"] for row in branched]
    found = {
        "gap_to_scratch": 100 * worst("tree", "gap"),
        "compute_ratio": worst("tree", "ratio"),
        "forgetting": 100 * worst("tree", "forgotten"),
        "forgetting_scratch": 100 * worst("scratch", "forgotten"),
        "forgetting_alone": 100 * max(row["before"] - row["old_alone"] for row in trees),
        "over_light_methods": 100 * min(map(best_other, trees)),
    }
    if branched:
        found["over_random_partition"] = 100 * float(np.mean(over_random))
        found["over_branch_alone"] = 100 * float(np.mean(over_branch))
    return found
