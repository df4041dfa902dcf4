"""How long each step of a packed net takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._graph import INPUT

if TYPE_CHECKING:
    from leveret.runtime._packed import Packed
    from leveret.runtime.routes import Routed

__all__ = ["StepTime", "profile", "profile_parts"]


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
        StepTime(name, op, float(np.median(taken)), min(taken), macs * len(images), binary_macs * len(images))
        for (name, op, macs, binary_macs), taken in zip(work, zip(*runs, strict=True), strict=True)
    ]


def profile_parts(routed: Routed, images: NDArray[Any], threads: int, repeats: int) -> list[StepTime]:
    """As `profile`, of a net of several parts: each part on what it takes in a run on these images.

    First the laying out of each part's input, as "PART.input", then its steps; at last, by the route's name, what is
    done between the parts: what a whole run takes more than they do.
    """
    routed.results(images, threads)
    whole = []
    for _ in range(repeats):
        start = time.perf_counter()
        routed.results(images, threads)
        whole.append(time.perf_counter() - start)
    steps = []
    for name, taken in routed.stages(images, threads):
        first, *rest = profile(routed.parts[name], taken, threads, repeats)
        steps += [replace(first, name=f"{name}.{INPUT}"), *rest]
    left = max(0.0, float(np.median(whole)) - sum(step.seconds for step in steps))
    least = max(0.0, min(whole) - sum(step.fastest for step in steps))
    return [*steps, StepTime(routed.route, "route", left, least, 0, 0)]


def _step_seconds(packed: Packed, images: NDArray[Any], threads: int) -> list[float]:
    """One run: seconds of the normalisation and of each step. Nothing else here knows how steps are run."""
    if packed._engine is not None:
        laps = packed._engine.profile(np.ascontiguousarray(images), packed._result_memory(len(images)), threads)
        # features come in by a step more, see build_engine
        return [sum(laps[:2]), *laps[2:]] if packed.input.channels_last else laps
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
