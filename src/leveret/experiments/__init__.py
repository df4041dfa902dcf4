"""Experiments: each runs a paper's, or our own, measurements again and writes a page of results."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from leveret.errors import LeveretUsageError

__all__ = ["EXPERIMENTS", "run"]

# name on the command line -> module with a `run(parts, seeds, data, out)` and `PARTS`
EXPERIMENTS = {
    "main-job": "leveret.experiments.main_job",
    "engine": "leveret.experiments.engine",
    "shrink": "leveret.experiments.shrink",
    "deep-vs-shallow": "leveret.experiments.deep_vs_shallow",
    "imbalance": "leveret.experiments.imbalance",
    "dynamic-capacity": "leveret.experiments.dynamic_capacity",
    "logic-rules": "leveret.experiments.logic_rules",
    "parsenet": "leveret.experiments.parsenet",
    "judge": "leveret.experiments.judge",
    "budget": "leveret.experiments.budget",
    "incremental": "leveret.experiments.incremental",
}


def run(
    name: str,
    *,
    parts: list[str] | None = None,
    seeds: int | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
) -> Path:
    """Run an experiment and write `out/NAME.json` and the page `out/NAME.md` rendered from it; gives the page's path.

    Args:
        name: one of `EXPERIMENTS`.
        parts: only these; the others' results are kept as they stand in the JSON file. Default: all.
        seeds: how many repetitions, where a part has any; default: the experiment's own.
        data: folder of the datasets that it needs.
        out: folder of the results; default "docs/results".

    Raises:
        LeveretUsageError: no such experiment or part.
    """
    if name not in EXPERIMENTS:
        raise LeveretUsageError(f"the experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    module: Any = importlib.import_module(EXPERIMENTS[name])
    for part in parts or []:
        if part not in module.PARTS:
            raise LeveretUsageError(f"the parts of {name} are {', '.join(module.PARTS)}; there is no {part!r}")
    if seeds is not None and seeds < 1:
        raise LeveretUsageError(f"seeds must be at least 1, got {seeds}")
    return module.run(
        parts or list(module.PARTS), seeds, None if data is None else Path(data), Path(out or "docs/results")
    )
