"""The candidates of a search, side by side in one folder: what teachers and students have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret._differences import named_differences
from leveret._disk import disk_errors
from leveret._files import write_json
from leveret._threads import default_threads
from leveret.data._identity import data_identity
from leveret.distill._candidate import Candidate
from leveret.distill._fingerprints import of_samples
from leveret.distill._search import Search, Study, StudySampler
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.training import parallel
from leveret.training._evaluate import Part
from leveret.training._parallel import how_many_workers
from leveret.training._progress import duration
from leveret.training._tasks_progress import TasksProgress

__all__ = ["begin", "check_search", "read_config", "search_identity", "train_candidates"]

_CONFIG = "search.json"
_SEEDS = 10_000  # of candidates, between those of two searches


def train_candidates(
    data: Any,
    count: int,
    *,
    out: Path,
    search: Search,
    storage: str | None,
    study: str,
    sampler: StudySampler,
    seed: int,
    workers: int | None,
    threads: int | None,
    progress: bool,
    what: str,
    prefix: str,
) -> list[dict[str, Any]]:
    """Train so many candidates, those that `out` holds already not again; a result for each, in their order.

    Arguments and errors as for `TeacherEnsemble.train`; `what` they are, in the plural, for what is shown, and `prefix`
    begins the names of their folders. `check_search` comes before.
    """
    at_once = how_many_workers(workers, count)
    where = Study(out / "study.journal", study, storage, sampler, startup=max(3, count // 3), seed=_seed(seed, 0))
    where.check()
    parts: tuple[Part, ...] = ("val", "test") if len(data.test) else ("val",)
    tasks = [
        Candidate(
            key=f"{prefix}-{index:03}",
            folder=out / f"{prefix}-{index:03}",
            threads=threads or max(1, default_threads() // at_once),
            index=index,
            search=search,
            study=where,
            seed=_seed(seed, index),
            parts=parts,
        )
        for index in range(count)
    ]
    kept = {task.key: result for task in tasks if (result := task.finished()) is not None}
    left = [task for task in tasks if task.key not in kept]
    with TasksProgress(what, count, len(kept), progress, _outcome) as shown, disk_errors(out):
        results = parallel(left, data, workers=workers, done=lambda task, result: shown.done(task.key, result))
    kept |= {task.key: result for task, result in zip(left, results, strict=True)}
    return [kept[task.key] for task in tasks]


def check_search(data: Any, seed: int, workers: int | None, threads: int | None, what: str) -> None:
    """Refuse what can't be searched, before anything is written.

    Raises:
        LeveretUsageError: a number out of range, texts, or no validation part.
    """
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    if seed < 0:
        raise LeveretUsageError(f"seed must be at least 0, got {seed}")
    if data.kind != "image":
        raise LeveretUsageError(f"{data.source} holds {data.kind}s; {what} are nets for images")
    if len(data.val) == 0:
        raise LeveretUsageError(f"{data.source} has no validation part, by which {what} are compared; leave some")


def search_identity(data: Any) -> dict[str, Any]:
    """What candidates were trained and measured on: also which samples are in which part."""
    parts = {name: of_samples(getattr(data, name), getattr(data, name).labels) for name in ("train", "val", "test")}
    return {**data_identity(data), "parts": {name: part and part["sha256"][:16] for name, part in parts.items()}}


def _seed(seed: int, index: int) -> int:
    # numpy's older generators, which Optuna draws from, take 32 bits
    return (seed * _SEEDS + index) % 2**32


def begin(folder: Path, run: dict[str, Any], what: str) -> None:
    """Write whose the folder is, or make sure that it is this run's.

    Raises:
        LeveretUsageError: it holds another run, naming what differs, or files of something else.
    """
    path = folder / _CONFIG
    if not path.exists():
        if folder.exists() and (others := sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))):
            raise LeveretUsageError(
                f"{folder} is not empty ({', '.join(others[:3])}) and holds no {what}; name a new or empty folder"
            )
        write_json(path, run)
    elif found := named_differences(read_config(folder, what), json.loads(json.dumps(run))):
        raise LeveretUsageError(f"{folder} holds another {what} than this: {found}. Name another folder")


def read_config(folder: Path, what: str) -> dict[str, Any]:
    """Whose the folder is.

    Raises:
        LeveretDataError: nobody's, or the file that says so is damaged.
    """
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        return {"data": config["data"], "search": config["search"], "seed": config["seed"]}
    except FileNotFoundError:
        raise LeveretDataError(f"{folder} holds no {what} (there is no {_CONFIG})") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LeveretDataError(f"{folder / _CONFIG} is damaged ({error})") from error


def _outcome(result: Mapping[str, Any]) -> str:
    params = ", ".join(f"{key} {_number(value)}" for key, value in result["params"].items())
    return f"{100 * result['val_accuracy']:6.2f} % validated  {duration(result['seconds'])}  {params}"


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
