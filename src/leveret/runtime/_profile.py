"""How long each step of a packed net takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._graph import INPUT

if TYPE_CHECKING:
    from leveret.runtime._packed import Packed

__all__ = ["StepTime", "profile"]


@dataclass(frozen=True)
class StepTime:
    """One step of a packed net, timed.

    Attributes:
        name, op: of the step. The first is "input", "normalize": pixels laid out channels last and normalised.
        seconds, fastest: for the whole batch, the median and the best of the runs.
        macs, binary_macs: multiply-accumulates for the whole batch, on floats and on bits.
    """

    name: str
    op: str
    seconds: float
    fastest: float
    macs: int
    binary_macs: int


def profile(packed: Packed, images: NDArray[Any], threads: int, repeats: int) -> list[StepTime]:
    """Run a batch `repeats` times, after one run that isn't counted; see `Packed.profile`."""
    runs = [_step_seconds(packed, images, threads) for _ in range(repeats + 1)][1:]
    work = [(INPUT, "normalize", 0, 0)]
    work += [(layer.name, layer.op, layer.macs, layer.binary_macs) for layer in packed.layers()]
    return [
        StepTime(name, op, median(taken), min(taken), macs * len(images), binary_macs * len(images))
        for (name, op, macs, binary_macs), taken in zip(work, zip(*runs, strict=True), strict=True)
    ]


def _step_seconds(packed: Packed, images: NDArray[Any], threads: int) -> list[float]:
    """One run: seconds of the normalisation and of each step. Nothing else here knows how steps are run."""
    if packed._engine is not None:
        return packed._engine.profile(np.ascontiguousarray(images), packed._result_memory(len(images)), threads)
    total = [0.0] * (1 + len(packed.graph.steps))
    for part in packed._parts(images):
        start = time.perf_counter()
        values = {INPUT: packed.input.laid_out(part)}
        laps = [time.perf_counter() - start]
        for step, op, free in zip(packed.graph.steps, packed._ops, packed._free, strict=True):
            inputs = [values[name] for name in step.inputs]
            start = time.perf_counter()
            values[step.name] = op.run(inputs, threads)
            laps.append(time.perf_counter() - start)
            del inputs
            for name in free:
                del values[name]
        total = [before + lap for before, lap in zip(total, laps, strict=True)]
    return total
