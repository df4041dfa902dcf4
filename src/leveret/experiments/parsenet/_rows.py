"""All trainings, a seed after the other, and a row a model: means and spreads over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from leveret.data import SegmentationData
from leveret.errors import LeveretTrainingError
from leveret.experiments.parsenet._models import Model
from leveret.experiments.parsenet._settings import Setting
from leveret.experiments.parsenet._training import Training
from leveret.training import duration, parallel
from leveret.training._tasks_progress import TasksProgress

__all__ = ["best_of", "differences", "figures", "row", "task", "train_all", "train_each"]

_SPREAD = ("miou", "pixel_accuracy", "mean_class_accuracy", "boundary_f1")

Found = dict[str, list[dict[str, Any]]]


def task(setting: Setting, key: str, model: Model, seed: int, runs: Path) -> Training:
    """One training."""
    name = f"{key}-{seed}"
    return Training(key=name, folder=runs / name, threads=1, setting=setting, model=model, seed=seed)


def train_all(
    models: Mapping[str, Model], setting: Setting, data: Callable[[], SegmentationData], seeds: int, runs: Path
) -> Iterator[Found]:
    """Train the models that aren't trained yet; after each seed, all results so far by model.

    One net at a time, as two that share a core's caches are hardly quicker together.
    """
    found: Found = {key: [] for key in models}
    for seed in range(seeds):
        tasks = [task(setting, key, model, seed, runs) for key, model in models.items()]
        for key, result in zip(models, train_each(tasks, data, f"seed {seed}"), strict=True):
            found[key].append(result)
        yield found


def train_each(tasks: Sequence[Training], data: Callable[[], SegmentationData], what: str) -> list[dict[str, Any]]:
    """Results of tasks, of which those that aren't finished are worked on.

    Raises:
        LeveretTrainingError: one failed.
    """
    found = {task.key: result for task in tasks if (result := task.finished()) is not None}
    left = [task for task in tasks if task.key not in found]
    if left:
        made = data()

        def outcome(result: Mapping[str, Any]) -> str:
            return f"{100 * result['miou']:6.2f} mIoU  {duration(result['seconds'])}"

        with TasksProgress(what, len(tasks), len(found), True, outcome) as shown:
            done = parallel(left, made, workers=1, done=lambda task, result: shown.done(task.key, result))
        found |= {result["key"]: result for result in done}
    for one in tasks:
        if found[one.key]["status"] != "ok":
            raise LeveretTrainingError(f"{one.key}: {found[one.key]['why']}")
    return [found[one.key] for one in tasks]


def row(key: str, model: Model, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the seeds, and their standard deviations as `FIGURE_spread`, which one seed has none of (None)."""
    made: dict[str, Any] = {
        "model": key,
        "title": model.title,
        "batch_norm": model.batch_norm,
        "context": model.context,
        "normalized": model.normalize,
        "seeds": len(results),
        "mious": [result["miou"] for result in results],
        "val_miou": statistics.mean(result["val"]["miou"] for result in results),
        "val_mious": [result["val"]["miou"] for result in results],
        "training_seconds": statistics.mean(result["training_seconds"] for result in results),
    }
    for figure in _SPREAD:
        values = [result[figure] for result in results]
        made[figure] = statistics.mean(values)
        made[f"{figure}_spread"] = statistics.stdev(values) if len(values) > 1 else None
    made["iou"] = [statistics.mean(values) for values in zip(*(result["iou"] for result in results), strict=True)]
    return made


def best_of(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row of the best mIoU on the validation part: the test part chooses nothing."""
    return max(rows, key=lambda row: row["val_miou"])


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Top-level figures: the paper's nets have no batch norm, so `fcn_miou` and `parsenet_miou` are of those."""
    by_key = {row["model"]: row["miou"] for row in rows}
    return {
        "fcn_miou": by_key["fcn"],
        "parsenet_miou": by_key["parsenet"],
        "fcn_bn_miou": by_key["fcn-bn"],
        "parsenet_bn_miou": by_key["parsenet-bn"],
        "best_miou": best_of(rows)["miou"],
    }


def differences(one: Mapping[str, Any], other: Mapping[str, Any], figure: str = "mious") -> tuple[float, float | None]:
    """How much more mIoU `one` has than `other` with the same seed: the mean, and the standard deviation, which one
    seed has none of."""
    found = [a - b for a, b in zip(one[figure], other[figure], strict=True)]
    return statistics.mean(found), statistics.stdev(found) if len(found) > 1 else None
