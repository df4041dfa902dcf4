"""Plans against trainings: what a few timed steps say, and what the whole then took."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leveret._threads import limited_threads
from leveret.data import Data, from_arrays, load
from leveret.experiments._datasets import source_of
from leveret.jobs import budget
from leveret.jobs._fit_recipe import fit_recipe
from leveret.training import fit

__all__ = ["FULL", "QUICK", "Setting", "planner"]


@dataclass(frozen=True)
class Setting:
    """How long.

    Attributes:
        epochs: of each training.
        seconds: of measuring before it.
        samples: most of them, of images, grey and in colour.
    """

    epochs: int = 3
    seconds: float = 4.0
    samples: tuple[int, int] = (8000, 1500)


FULL = Setting()
QUICK = Setting(epochs=1, seconds=0.5, samples=(500, 200))


def planner(data: Path | None, setting: Setting = FULL) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row a net, with its plan and its truth, in the processor's seconds and the clock's; one thread.

    What is judged is the processor's time, which a busy machine hardly changes; the clock's stands beside it.
    """
    rows: list[dict[str, Any]] = []
    for given, net in _cases(data, setting):
        plan = budget.run(given, net=net, epochs=setting.epochs, seconds=setting.seconds, threads=1, progress=False)
        recipe = fit_recipe(given, net=net, epochs=setting.epochs)
        torch.manual_seed(0)
        made = recipe.make_net()
        with limited_threads(1), tempfile.TemporaryDirectory(prefix="leveret-") as folder:
            clock, processor = time.perf_counter(), time.process_time()
            fit(
                made,
                given,
                epochs=setting.epochs,
                batch_size=recipe.batch_size,
                lr=recipe.lr,
                augment=recipe.augment,
                gradient_clip=5.0,
                out=folder,
                progress=False,
                **recipe.fit_options,
            )
            took = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - processor}
        planned = {"seconds": plan.costs.seconds(setting.epochs), "cpu_seconds": plan.costs.cpu_seconds(setting.epochs)}
        rows.append(
            {
                "data": given.name,
                "net": recipe.name,
                "samples": len(given.train),
                "parameters": plan.parameters,
                "macs": plan.costs.macs,
                "step_ms": 1000 * plan.costs.step_cpu,
                "measured_seconds": plan.costs.measured,
                "planned": planned,
                "took": took,
                "error": planned["cpu_seconds"] / took["cpu_seconds"] - 1,
                "clock_error": planned["seconds"] / took["seconds"] - 1,
                "macs_per_second": plan.costs.operations * setting.epochs / took["cpu_seconds"],
            }
        )
    worst = max(abs(float(row["error"])) for row in rows)
    return {"planner_worst_error": worst}, {"rows": rows, "epochs": setting.epochs}


def _cases(data: Path | None, setting: Setting) -> Iterator[tuple[Data, str]]:
    """Three nets of three kinds, each with data of a size that trains in about half a minute."""
    if data is None:
        digits = load("digits")
        yield digits, "convnet"
        yield digits, "resnet20"
        images = digits.train.fetch(np.arange(len(digits.train)))
        rows = images.reshape(len(images), -1).astype(np.float32)
        yield from_arrays(rows, digits.train.labels, test_fraction=0.2, name="digits as rows"), "mlp"
        return
    yield _some(load(source_of("mnist", data)), setting.samples[0]), "convnet"
    yield _some(load(source_of("cifar", data)), setting.samples[1]), "resnet20"
    yield load(data / "sst2"), "bag-of-words"


def _some(data: Data, most: int) -> Data:
    """A training part of so many samples, and a tenth as many to validate on."""
    data.train = data.train.subset(np.arange(most))
    data.val = data.val.subset(np.arange(most // 10))
    return data
