"""Two leaves of one size, trained by one process and by two."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from leveret.experiments.incremental._settings import SETTINGS, Setting, data_of
from leveret.grow import ClassTree
from leveret.grow._task import NodeTask
from leveret.training import parallel

__all__ = ["workers"]

_EPOCHS = 24  # long enough that starting the processes is not what is measured
_ROUNDS = 3  # turns of both, so that a slower minute of the machine doesn't decide


def workers(
    data: Path | None,
    runs: Path,
    epochs: int = _EPOCHS,
    part: str = "fashion",
    settings: Mapping[str, Setting] = SETTINGS,
    rounds: int = _ROUNDS,
) -> tuple[Any, Any]:
    """Figures and details; the processes' start counts. Medians of turns."""
    setting = settings[part]
    source = data_of(setting, data, 0)
    torch.manual_seed(0)
    before = ClassTree.of(setting.make_net(source.num_classes), source)
    half = source.num_classes // 2
    grown = before.branch([source.classes[:half], source.classes[half:]])
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for number, taken in seconds.items():
            folder = runs / f"workers-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            tasks = [
                NodeTask(
                    key=f"root-{i}",
                    folder=folder / f"root-{i}",
                    threads=1,
                    path=(i,),
                    epochs=epochs,
                    lr=setting.lr / 2,
                    recipe=setting.recipe(),
                    seed=0,
                )
                for i in (0, 1)
            ]
            started = time.perf_counter()
            results = parallel(tasks, before, grown, source, workers=number)
            taken.append(time.perf_counter() - started)
            assert all(result["status"] == "ok" for result in results), results
            print(f"{number} at once: {taken[-1]:.1f} s", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    one, two = statistics.median(seconds[1]), statistics.median(seconds[2])
    details = {
        "epochs": epochs,
        "samples": len(source.train),
        "one": one,
        "two": two,
        "turns": {str(n): taken for n, taken in seconds.items()},
    }
    return {"workers_2_speedup": one / two}, details
