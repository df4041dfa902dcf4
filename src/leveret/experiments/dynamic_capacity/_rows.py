"""All trainings of a dataset, and a row a method: means and spreads over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leveret._threads import default_threads
from leveret.capacity import DynamicCapacityNet
from leveret.data import Data
from leveret.errors import LeveretTrainingError
from leveret.experiments.dynamic_capacity._nets import dynamic
from leveret.experiments.dynamic_capacity._settings import Setting
from leveret.experiments.dynamic_capacity._training import METHODS, Training
from leveret.training import duration, parallel
from leveret.training._tasks_progress import TasksProgress

__all__ = ["operations", "row", "train_all"]

_ASIDE = ("variance", "edges", "confidence", "attention")  # trained with the first seed alone


def train_all(name: str, setting: Setting, data: Any, seeds: int, runs: Path) -> dict[str, list[dict[str, Any]]]:
    """Train what isn't trained yet, two at a time; results by method, a seed after the other.

    Args:
        name: of the setting.
        setting: what.
        data: makes the dataset for a seed.
        seeds: how many; ablations that aren't asked for by name in the figures have the first alone.
        runs: folder.
    """
    found: dict[str, list[dict[str, Any]]] = {key: [] for key in setting.methods}
    for seed in range(seeds):
        methods = [key for key in setting.methods if seed == 0 or key not in _ASIDE]
        tasks = [task(name, setting, key, seed, runs) for key in methods]
        results = _run(tasks, data, seed, f"{name}, seed {seed}")
        for key, result in zip(methods, results, strict=True):
            if result["status"] != "ok":
                raise LeveretTrainingError(f"{METHODS[key].title}, seed {seed}: {result['why']}")
            found[key].append(result)
    return found


def task(name: str, setting: Setting, method: str, seed: int, runs: Path) -> Training:
    """One training."""
    key = f"{method}-{seed}"
    return Training(key=key, folder=runs / key, threads=1, setting=setting, method=method, seed=seed)


def _run(tasks: Sequence[Training], data: Any, seed: int, what: str) -> list[dict[str, Any]]:
    found = {task.key: result for task in tasks if (result := task.finished()) is not None}
    left = [task for task in tasks if task.key not in found]
    if left:
        made: Data = data(seed)

        def outcome(result: Any) -> str:
            return f"{100 * result['error']:6.2f} % error  {duration(result['seconds'])}"

        with TasksProgress(what, len(tasks), len(found), True, outcome) as shown:
            workers = min(2, default_threads())
            done = parallel(left, made, workers=workers, done=lambda task, result: shown.done(task.key, result))
        found |= {result["key"]: result for result in done}
    return [found[task.key] for task in tasks]


def row(dataset: str, setting: Setting, method: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, spreads under `FIGURE_spread`; of one seed a spread of 0."""
    made: dict[str, Any] = {
        "dataset": dataset,
        "method": method,
        "title": METHODS[method].title,
        "seeds": len(results),
        "operations": operations(setting, method),
    }
    for figure in ("error", "coarse_error", "touching", "training_seconds", "pr_auc"):
        values = [result[figure] for result in results if figure in result]
        if values:
            made[figure] = statistics.mean(values)
            made[f"{figure}_spread"] = statistics.stdev(values) if len(values) > 1 else 0.0
    return made


def operations(setting: Setting, method: str) -> float:
    """Multiply-accumulates for one image."""
    net = METHODS[method].make(setting)
    counted = dynamic(setting.parts).operations(setting.side, setting.side)
    if isinstance(net, DynamicCapacityNet):
        return counted.with_patches(setting.parts.k, gradient=METHODS[method].gradient)
    return counted.fine_net if method == "fine" else counted.with_patches(0)
