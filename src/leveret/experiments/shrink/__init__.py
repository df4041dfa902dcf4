"""The compression catalogue measured beside its papers, on real data and on the bytes of packed files.

    leveret reproduce shrink --data FOLDER [--part deep] [--seeds 3] [-o docs/results]

FOLDER holds `mnist.npz`, `fashion_mnist.npz` and `cifar10-{train,test}.parquet`. Trainings stay under
`OUT/runs/shrink`: what was finished is only measured again, of `mnist` and `cifar` only read, and what was stopped goes
on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.data import load
from leveret.experiments._datasets import source_of
from leveret.experiments._results import Results
from leveret.experiments.shrink._page import page
from leveret.experiments.shrink._plot import plots
from leveret.experiments.shrink._settings import QUICK, Settings, full
from leveret.experiments.shrink._stages import seconds_spent

__all__ = ["PARTS", "render", "run"]

_COMMAND = "leveret reproduce shrink"

Found = tuple[dict[str, Any], dict[str, Any]]


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    settings = QUICK if quick else full()
    path = out / "shrink.json"
    for part in parts:
        runs = out / "runs" / "shrink" / part
        repeated = part == "ensemble"
        number = (seeds or settings.seeds) if repeated else 1
        figures, details = _PARTS[part](data, runs, number, settings)
        about = {
            "command": f"{_COMMAND} --part {part}" + (f" --seeds {number}" if repeated else ""),
            "seed": list(range(number)) if repeated else 0,
            "seconds": seconds_spent(runs),
        }
        results = Results(path)
        if "methods" in figures:  # of all datasets, the other part's kept
            kept = [row for row in results.values.get("methods", []) if row["dataset"] != part]
            figures["methods"] = sorted(kept + figures["methods"], key=lambda row: row["dataset"], reverse=True)
        results.record(part, figures, about | details)
        render(results.values, out)
    return out / "shrink.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and its pictures."""
    plots(values, out)
    write_text(out / "shrink.md", page(values, PARTS))


def _deep(data: Path | None, runs: Path, seeds: int, settings: Settings) -> Found:
    from leveret.experiments.shrink.deep import deep

    nets = deep(load(source_of("mnist", data)), runs, settings.deep)
    figures: dict[str, Any] = {}
    for name, net in nets.items():
        figures[f"{name}_ratio"] = 4 * net["parameters"] / net["bytes"]
        figures[f"{name}_error"] = net["error"]
    return figures, {"nets": nets}


def _obs(data: Path | None, runs: Path, seeds: int, settings: Settings) -> Found:
    from leveret.experiments.shrink.obs import obs

    source = source_of("mnist", data)
    found = obs(lambda name: load(source, size=7) if name == "perceptron" else load(source), runs, settings.obs)
    return {"obs_no_worse": found.pop("no_worse")}, found


def _hashed(data: Path | None, runs: Path, seeds: int, settings: Settings) -> Found:
    from leveret.experiments.shrink.hashed import hashed

    return {}, hashed(load(source_of("mnist", data)), runs, settings.hashed)


def _methods(name: str) -> Callable[[Path | None, Path, int, Settings], Found]:
    def part(data: Path | None, runs: Path, seeds: int, settings: Settings) -> Found:
        from leveret.experiments.shrink.methods import methods

        found = methods(name, load(source_of(name, data)), runs, settings.methods)
        keys = ("name", "dataset", "error", "bytes", "ms")
        return {"methods": [{key: row[key] for key in keys} for row in found["rows"]]}, found

    return part


def _ensemble(data: Path | None, runs: Path, seeds: int, settings: Settings) -> Found:
    from leveret.experiments.shrink.ensemble import ensemble

    found = ensemble(load(source_of("fashion", data)), runs, seeds, settings.ensemble)
    return {"ensemble": found.pop("rows")}, found


_PARTS: dict[str, Callable[[Path | None, Path, int, Settings], Found]] = {
    "deep": _deep,
    "obs": _obs,
    "hashed": _hashed,
    "mnist": _methods("mnist"),
    "cifar": _methods("cifar"),
    "ensemble": _ensemble,
}
PARTS = tuple(_PARTS)
