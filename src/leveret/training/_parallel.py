"""`parallel`: many independent trainings at once through joblib; a process that dies takes no other with it.

Who works is the caller's choice: processes of this machine (joblib's loky), or, by `joblib.parallel_config` around the
call, threads, or a Dask or Ray cluster, whose machines must share the tasks' folders.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pickle import PicklingError
from typing import Any

import joblib
from joblib.parallel import get_active_backend

from leveret.errors import LeveretUsageError
from leveret.training._task import Task, failure

__all__ = ["how_many_workers", "parallel", "run_each"]

Result = dict[str, Any]
Done = Callable[[Any, Result], None]

# what Dask and Ray raise, which need not be installed, where a worker died under a task again and again
_DEATHS = frozenset({"KilledWorker", "WorkerCrashedError"})
_SHARED = "the net or the data"
_watched = 0  # the process with which this one ends
_WHY = "its process died, three times: it was killed, or memory was short"


def how_many_workers(workers: int | None, tasks: int) -> int:
    """At work at once: as asked, or as an outer `joblib.parallel_config` says, else one."""
    return max(1, min(int(joblib.effective_n_jobs(workers)), tasks))


def parallel(tasks: Sequence[Task], *shared: Any, workers: int | None = None, done: Done | None = None) -> list[Result]:
    """Run all tasks, `workers` at once, and tell of each as it is done.

    Args:
        tasks: with keys of their own.
        shared: handed to each; sent to each process once or so, large arrays by memory map.
        workers: processes; None: what an outer `joblib.parallel_config` says, else one, which is this one.
        done: called here with each task and its result, in the order in which they end.

    Returns:
        A result for each task, in their order.

    A task's own errors are part of its result. Where a process dies, of a kill or for want of memory, the tasks that
    were at work go on from what they kept; after a second death each of them alone, so that it is known whose fault it
    is, and one whose process dies then too has failed.

    Raises:
        LeveretUsageError: what is shared can't be sent to other processes.
        OSError, KeyboardInterrupt: as `Task.run`.
    """
    pending = {task.key: task for task in tasks}
    results: dict[str, Result] = {}
    deaths: Counter[str] = Counter()

    def take(key: str, result: Result) -> None:
        results[key] = result
        task = pending.pop(key)
        if done is not None:
            done(task, result)

    # a task that kills its process must not meet this one, even where a single one is left
    apart = how_many_workers(workers, 2) > 1

    while pending:
        together = [task for task in pending.values() if deaths[task.key] < 2]
        group = together or [next(iter(pending.values()))]
        for task in group:
            task.running.unlink(missing_ok=True)
        try:
            for key, result in run_each(_run_task, group, *shared, workers=workers, what=_SHARED, alone=apart):
                take(key, result)
        except Exception as error:
            if not _is_death(error):
                raise
            for task in [task for task in group if task.key in pending]:
                if (kept := task.finished()) is not None:  # its result was on its way
                    take(task.key, kept)
            left = [task for task in group if task.key in pending]
            struck = [task for task in left if task.running.exists()] or left
            deaths.update(task.key for task in struck)
            for task in struck:
                if deaths[task.key] > 2:
                    take(task.key, failure(task.key, _WHY))
    return [results[task.key] for task in tasks]


def _is_death(error: Exception) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ in _DEATHS


def run_each(
    function: Callable[..., Any],
    items: Iterable[Any],
    *shared: Any,
    workers: int | None,
    what: str,
    alone: bool = False,
) -> Iterator[Any]:
    """`function(item, *shared)` for each item through joblib, `workers` at once; results as they come.

    Args:
        workers: as for `parallel`; never more than items.
        what: the function works on, in words.
        alone: keep even a single item out of this process.

    Raises:
        LeveretUsageError: `what` the function works on can't be sent to other processes.
        BrokenExecutor: a process died.
    """
    streams = getattr(get_active_backend()[0], "supports_return_generator", False)
    left = list(items)
    at_once = max(2 if alone else 1, how_many_workers(workers, len(left)))
    pool = joblib.Parallel(n_jobs=at_once, batch_size=1, return_as="generator_unordered" if streams else "list")
    try:
        yield from pool(joblib.delayed(_run_one)(function, item, shared, os.getpid()) for item in left)
    except (PicklingError, TypeError, AttributeError) as error:
        if "pickle" not in str(error).lower():
            raise
        raise LeveretUsageError(
            f"{what} can't be sent to other processes ({error}); define what they are made of in a module of its own, "
            "or take workers=1"
        ) from error


def _run_task(task: Task, *shared: Any) -> tuple[str, Result]:
    return task.key, task.run(*shared)


def _run_one(function: Callable[..., Any], item: Any, shared: tuple[Any, ...], caller: int) -> Any:
    # joblib's processes work on when the one that asked was killed, and a resumed run would meet them in its folders
    global _watched
    if _watched != caller == os.getppid():
        _watched = caller
        threading.Thread(target=_end_with, args=(caller,), daemon=True).start()
    return function(item, *shared)


def _end_with(caller: int) -> None:
    while os.getppid() == caller:
        time.sleep(0.5)
    os._exit(1)
