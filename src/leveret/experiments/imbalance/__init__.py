"""What helps when a class is rare: every method of the balance catalogue, on solar cells and on long tails.

    leveret reproduce imbalance --data FOLDER [--part elpv] [--seeds 5] [-o docs/results]

FOLDER holds `fashion_mnist.npz` and `cifar10-{train,test}.parquet`; the part elpv needs the package elpv-dataset.
Trainings stay under `OUT/runs/imbalance`: what was finished is only read, and what was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._benchmarks import benchmark
from leveret.experiments._results import Results
from leveret.experiments.imbalance._page import page
from leveret.experiments.imbalance._plot import plots

__all__ = ["PARTS", "render", "run"]

PARTS = ("elpv", "fashion", "cifar", "mining", "sampler")

_NAME = "imbalance"
_QUICK_SAMPLER = {"size": 200_000, "large": 1_000_000, "draws": 200_000, "repeats": 1}
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    for part in parts:
        runs = out / "runs" / _NAME / part
        results = Results(out / f"{_NAME}.json")
        if part == "sampler":
            found = benchmark("sampler").measure(**(_QUICK_SAMPLER if quick else {}))
            figures: dict[str, Any] = {
                key: found[key] for key in ("sampler_speedup", "sampler_memory_ratio", "billion_mb")
            }
        elif part == "mining":
            from leveret.experiments.imbalance._mining import FULL, QUICK, mining

            figures, found = {}, mining(data, runs, QUICK if quick else FULL)
        elif part == "elpv":
            from leveret.experiments.imbalance._elpv import FULL_CELLS, QUICK_CELLS, elpv

            figures, found = elpv(seeds, data, runs, results.values, QUICK_CELLS if quick else FULL_CELLS)
        else:
            from leveret.experiments.imbalance._tails import QUICK_TAILS, SETTINGS, tails

            settings = QUICK_TAILS if quick else SETTINGS
            figures, found = tails(part, seeds, data, runs, results.values, settings)
        repeated = f" --seeds {found['seeds']}" if "seeds" in found else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and its pictures."""
    plots(values, out)
    write_text(out / f"{_NAME}.md", page(values))
