"""Do deep nets really need to be deep, or convolutional? Urban et al.'s students, and links within their layers.

    leveret reproduce deep-vs-shallow --data FOLDER [--part fashion] [--seeds 3] [-o docs/results]

FOLDER holds `fashion_mnist.npz` and `cifar10-{train,test}.parquet`. Trainings stay under `OUT/runs/deep-vs-shallow`:
what was finished is only read, and what was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.data import load
from leveret.experiments._benchmarks import benchmark
from leveret.experiments._datasets import source_of
from leveret.experiments._results import Results
from leveret.experiments.deep_vs_shallow._page import page
from leveret.experiments.deep_vs_shallow._plot import plots

__all__ = ["PARTS", "render", "run"]

PARTS = ("fashion", "cifar", "objectives", "workers", "transfer")

_NAME = "deep-vs-shallow"
_COMMAND = f"leveret reproduce {_NAME}"
_QUICK_TRANSFER = {"views": 2_000, "images": 1_000, "repeats": 1}
_BY_DATASET = {"subset_acc": "subset", "full_ensemble_acc": "full_ensemble", "best_member_acc": "best_member"}


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    for part in parts:
        runs = out / "runs" / _NAME / part
        results = Results(out / f"{_NAME}.json")
        if part == "workers":
            from leveret.experiments.deep_vs_shallow._workers import FULL, QUICK, workers

            found = workers(runs, QUICK if quick else FULL)
            figures: dict[str, Any] = {
                "workers_2_speedup": found["speedup"],
                "kill_cost_members": found["kill_cost"] / found["member"],
            }
        elif part == "objectives":
            figures, found = _objectives(seeds, data, runs.with_name("fashion"), quick)
        elif part == "transfer":
            found = benchmark("transfer").run(**(_QUICK_TRANSFER if quick else {}))
            stores = [found[store] for store in ("seeds", "pixels")]
            figures = {
                "transfer_peak_mb": max(store["peak_mb"] for store in stores),
                "transfer_fit_ratio": min(store["fit_vs_memory"] for store in stores),
            }
        else:
            figures, found = _dataset(part, seeds, data, runs, results.values, quick)
        # of the transfer sets, "seeds" is a way to store views
        repeated = f" --seeds {found['seeds']}" if isinstance(found.get("seeds"), int) else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and its pictures."""
    plots(values, out)
    write_text(out / f"{_NAME}.md", page(values))


def _objectives(seeds: int | None, data: Path | None, runs: Path, quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """On Fashion-MNIST's transfer set, which its own part built."""
    from leveret.experiments.deep_vs_shallow._ensembles import teachers_and_transfer
    from leveret.experiments.deep_vs_shallow._settings import DATASETS, QUICK
    from leveret.experiments.deep_vs_shallow._students import objectives

    setting = (QUICK if quick else DATASETS)["fashion"]
    _, transfer = teachers_and_transfer(load(source_of("fashion", data)), setting, runs)
    number = seeds or setting.seeds
    return {"objectives": objectives(transfer, setting, number, runs)}, {"title": setting.title, "seeds": number}


def _dataset(
    part: str, seeds: int | None, data: Path | None, runs: Path, before: dict[str, Any], quick: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    from leveret.experiments.deep_vs_shallow._ensembles import teachers_and_transfer
    from leveret.experiments.deep_vs_shallow._settings import DATASETS, QUICK
    from leveret.experiments.deep_vs_shallow._students import students

    setting = (QUICK if quick else DATASETS)[part]
    loaded = load(source_of(part, data))
    teachers, transfer = teachers_and_transfer(loaded, setting, runs)
    number = seeds or setting.seeds
    rows = [{"dataset": part, **row} for row in students(transfer, setting, number, runs)]
    # of all datasets, the other part's kept
    others = [row for row in before.get("rows", []) if row["dataset"] != part]
    figures: dict[str, Any] = {"rows": sorted(others + rows, key=lambda row: row["dataset"], reverse=True)}
    for key, source in _BY_DATASET.items():
        figures[key] = before.get(key, {}) | {part: teachers[source]}
    subset, *rivals = (figures[key] for key in _BY_DATASET)
    figures["subset_no_worse"] = all(subset[name] >= rival[name] for rival in rivals for name in subset)
    return figures, {
        "title": setting.title,
        "seeds": number,
        "teachers": teachers,
        "views": len(transfer.train),
        "samples_seen": setting.epochs * len(transfer.train),
        "trials": setting.trials,
        "augment": setting.augment.as_dict(),
        "teacher_epochs": setting.teachers.epochs,
    }
