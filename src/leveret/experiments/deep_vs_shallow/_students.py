"""All students of a dataset: by convolutions, size, steps of links and seed, distilled and on hard labels."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leveret._threads import default_threads
from leveret.distill import ShallowStudents, Study
from leveret.distill._candidate import Candidate
from leveret.errors import LeveretTrainingError
from leveret.experiments.deep_vs_shallow._settings import Dataset
from leveret.nets import Links
from leveret.training import duration, parallel
from leveret.training._tasks_progress import TasksProgress

__all__ = ["OBJECTIVES", "Kind", "objectives", "students"]

# of `ShallowStudents`; the paper's is "distilled"
OBJECTIVES: dict[str, dict[str, Any]] = {
    "labels": {"form": "logits", "hard_weight": 1.0},
    "distilled": {"form": "logits"},
    "mixed": {"form": "logits", "hard_weight": 0.5},
    "temperature-1": {"form": "temperature", "temperature": 1.0},
    "temperature-4": {"form": "temperature", "temperature": 4.0},
}


@dataclass(frozen=True)
class Kind:
    """A cell of a table; `objective` is one of `OBJECTIVES`."""

    conv_layers: int
    params: int
    steps: int
    objective: str

    @property
    def name(self) -> str:
        return f"conv{self.conv_layers}-{self.params}-t{self.steps}-{self.objective}"

    def plain(self) -> Kind:
        """The same without links, whose hyper-parameters those with links take over."""
        return replace(self, steps=0)


def students(transfer: Any, setting: Dataset, seeds: int, runs: Path) -> list[dict[str, Any]]:
    """Train those that aren't there yet, two at a time; a row for each cell.

    All learn from the same views, distilled ones from the teachers' logits and their twins from the labels.
    Hyper-parameters are searched on the first seed for every kind without links, distilled and on hard labels alike,
    and the best on the validation part are those of the other seeds and of the same kind with links.
    """
    kinds = [
        Kind(conv, params, steps, objective)
        for conv in setting.conv_layers
        for params in setting.params
        for steps in setting.steps
        for objective in (("distilled", "labels") if steps == 0 else ("distilled",))
    ]
    work = _Work(transfer, setting, runs)
    plain = [kind for kind in kinds if kind.steps == 0]
    searched = work.run([work.trial(kind, i) for kind in plain for i in range(setting.trials)], "search")
    best = {kind: _best(searched[work.trial(kind, i).key] for i in range(setting.trials)) for kind in plain}
    rest = {
        (kind, seed): work.student(kind, seed, best[kind.plain()])
        for kind in kinds
        for seed in range(_seeds(setting, kind, seeds))
        if kind.steps or seed
    }
    found = work.run(list(rest.values()), "students")
    rows = []
    for kind in kinds:
        results = [
            best[kind] if kind.steps == 0 and seed == 0 else found[rest[kind, seed].key]
            for seed in range(_seeds(setting, kind, seeds))
        ]
        good = [result for result in results if result["status"] == "ok"]
        if good:
            rows.append(_row(kind, good, best[kind.plain()]["params"]))
    return rows


def objectives(transfer: Any, setting: Dataset, seeds: int, runs: Path) -> list[dict[str, Any]]:
    """The smallest students without links, once more with every objective, all with the usual hyper-parameters."""
    work = _Work(transfer, setting, runs)
    tasks = {
        (conv, objective, seed): work.usual(Kind(conv, min(setting.params), 0, objective), seed)
        for conv in setting.conv_layers
        for objective in OBJECTIVES
        for seed in range(seeds)
    }
    found = work.run(list(tasks.values()), "objectives")
    rows = []
    for conv in setting.conv_layers:
        for objective in OBJECTIVES:
            results = [found[tasks[conv, objective, seed].key] for seed in range(seeds)]
            accuracies = [result["test_accuracy"] for result in results if result["status"] == "ok"]
            if accuracies:
                row = {"conv_layers": conv, "params": min(setting.params), "objective": objective}
                rows.append({**row, **_mean_of(accuracies)})
    return rows


class _Work:
    """Trainings as tasks, kept in one folder each."""

    def __init__(self, transfer: Any, setting: Dataset, runs: Path) -> None:
        self.transfer = transfer
        self.setting = setting
        # nets of another transfer set, or of another number of epochs, are never taken for these
        told = json.dumps([transfer.identity, setting.epochs], sort_keys=True)
        self.runs = runs / f"students-{hashlib.sha256(told.encode()).hexdigest()[:8]}"

    def trial(self, kind: Kind, index: int) -> Candidate:
        """One of the hyper-parameters tried on the first seed."""
        folder = self.runs / "search" / kind.name
        study = Study(folder / "study.journal", "students", sampler="random", seed=kind.conv_layers)
        return self._task(folder / f"trial-{index}", index, self._search(kind), study, seed=0)

    def usual(self, kind: Kind, seed: int) -> Candidate:
        """A student with the hyper-parameters that usually do."""
        folder = self.runs / "objectives" / f"{kind.name}-{seed}"
        return self._task(folder, 0, self._search(kind), Study(folder / "study.journal", "student"), seed)

    def student(self, kind: Kind, seed: int, best: Mapping[str, Any]) -> Candidate:
        """A student with the hyper-parameters that were found."""
        folder = self.runs / "students" / f"{kind.name}-{seed}"
        search = replace(self._search(kind), start=(best["params"],))
        return self._task(folder, 0, search, Study(folder / "study.journal", "student"), seed)

    def run(self, tasks: list[Candidate], what: str) -> dict[str, dict[str, Any]]:
        """Results by key; those that were finished before are read."""
        found = {task.key: result for task in tasks if (result := task.finished()) is not None}
        left = [task for task in tasks if task.key not in found]

        def outcome(result: Mapping[str, Any]) -> str:
            return f"{100 * result['val_accuracy']:6.2f} % validated  {duration(result['seconds'])}"

        with TasksProgress(what, len(tasks), len(found), True, outcome) as shown:
            # long ones first, so that no core waits at the end
            left.sort(key=_cost, reverse=True)
            workers = min(2, default_threads())
            done = parallel(left, self.transfer, workers=workers, done=lambda task, r: shown.done(task.key, r))
        return found | {result["key"]: result for result in done}

    def _task(self, folder: Path, index: int, search: ShallowStudents, study: Study, seed: int) -> Candidate:
        return Candidate(
            key=folder.relative_to(self.runs).as_posix().replace("/", "-"),
            folder=folder,
            threads=1,
            index=index,
            search=search,
            study=study,
            seed=1000 * seed,
            parts=("val", "test"),
        )

    def _search(self, kind: Kind) -> ShallowStudents:
        return ShallowStudents(
            conv_layers=kind.conv_layers,
            params=kind.params,
            links=Links(steps=kind.steps) if kind.steps else None,
            epochs=self.setting.epochs,
            **OBJECTIVES[kind.objective],
        )


def _seeds(setting: Dataset, kind: Kind, seeds: int) -> int:
    return min(seeds, setting.linked_seeds[setting.params.index(kind.params)]) if kind.steps else seeds


def _cost(task: Candidate) -> int:
    search: Any = task.search
    return search.conv_layers * search.params * (1 + (search.links.steps if search.links else 0))


def _best(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    good = [result for result in results if result["status"] == "ok"]
    if not good:
        raise LeveretTrainingError("no trial of a kind of student went well")
    return max(good, key=lambda result: (result["val_accuracy"], -result["val_loss"]))


def _row(kind: Kind, results: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    accuracies = [result["test_accuracy"] for result in results]
    return {
        "conv_layers": kind.conv_layers,
        "params": kind.params,
        "parameters": results[0]["parameters"],
        "lateral_steps": kind.steps,
        "distilled": kind.objective == "distilled",
        **_mean_of(accuracies),
        "hyper_parameters": dict(params),
        "seconds": statistics.mean(result["training_seconds"] for result in results),
    }


def _mean_of(accuracies: list[float]) -> dict[str, Any]:
    return {
        "accuracy": statistics.mean(accuracies),
        "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        "accuracies": accuracies,
        "seeds": len(accuracies),
    }
