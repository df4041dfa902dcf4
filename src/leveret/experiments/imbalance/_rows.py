"""Runs of a comparison, one a seed, as rows: a mean and a spread for each method and figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leveret.data import Data
from leveret.jobs import balance

__all__ = ["WORKERS", "compared", "merged", "rows_of", "summary"]

WORKERS = 2  # methods at once


def compared(
    make: Callable[[int], Data], seeds: int, runs: Path, **settings: Any
) -> list[tuple[Data, balance.BalanceResult]]:
    """A comparison of all methods for each seed, of what `make` gives for it."""
    found = []
    for seed in range(seeds):
        out = runs / f"seed-{seed}"
        print(f"\n{out.parent.name}, seed {seed}", flush=True)
        data = make(seed)
        found.append((data, balance.run(data, out, seed=seed, resume=out.exists(), **settings)))
    return found


def summary(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation; of one value a spread of 0."""
    found = np.asarray(values, dtype=float)
    return {"mean": float(found.mean()), "spread": float(found.std(ddof=1)) if len(found) > 1 else 0.0}


def rows_of(dataset: str, metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a method that has a result for every seed: each figure's mean, and its spread under `FIGURE_spread`.

    Beside them stands the mean difference from plain training on the same seed, under `FIGURE_gain`, and its spread.
    """
    rows = []
    by_seed = [{row["key"]: row for row in found["methods"] if row["status"] == "ok"} for found in metrics]
    for key in by_seed[0]:
        if not all(key in found for found in by_seed):
            continue
        row: dict[str, Any] = {
            "dataset": dataset,
            "method": key,
            "title": by_seed[0][key]["title"],
            "seeds": len(by_seed),
        }
        for figure in by_seed[0][key]["figures"]:
            values = [found[key]["figures"][figure] for found in by_seed]
            if not all(isinstance(value, (int, float)) for value in values):
                continue
            plain = [found["plain"]["figures"][figure] for found in by_seed]
            own = summary(values)
            gain = summary([value - other for value, other in zip(values, plain, strict=True)])
            row |= {figure: own["mean"], f"{figure}_spread": own["spread"]}
            row |= {f"{figure}_gain": gain["mean"], f"{figure}_gain_spread": gain["spread"]}
        row["seconds"] = summary([found[key]["seconds"] for found in by_seed])["mean"]
        row["samples_seen"] = by_seed[0][key]["samples_seen"]
        rows.append(row)
    return rows


def merged(before: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All rows: these, and those of other datasets that were there before."""
    here = {row["dataset"] for row in rows}
    kept = [row for row in before.get("rows", []) if row["dataset"] not in here]
    return sorted([*kept, *rows], key=lambda row: row["dataset"])
