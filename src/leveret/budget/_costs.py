"""What a training costs on this machine: a few steps of the real one are timed, and the rest is arithmetic.

An epoch is its steps, a look at the validation part, and what is done once an epoch (checkpoints, history):

    epoch = steps · t_step + validation samples · t_sample + t_once

All three are measured in `fit` itself, on a part of the real data, with the real net, objective and options: nothing is
guessed from operations, of which no machine does as many a second in one layer as in another. What the first steps need
more, for memory and kernels chosen, counts once. Times are both the clock's and the processor's: on a busy machine the
clock's hold for as long as it is busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from leveret.errors import LeveretUsageError

__all__ = ["TrainingCosts", "measure_costs"]

_LEAST, _MOST = 6, 400  # steps that are timed
_TRIED = 6


@dataclass(frozen=True)
class TrainingCosts:
    """Seconds of a training's parts; each once by the clock and once by the processor (all its threads together).

    Attributes:
        steps: of an epoch.
        samples: of the training part.
        batch_size: of a step.
        macs: multiply-accumulates of convolutions and linear layers, for one sample forwards.
        step, step_cpu: of one step.
        validation, validation_cpu: of a whole validation part.
        once, once_cpu: of what is done once an epoch.
        start, start_cpu: before the first epoch and after the last, once a training.
        measured: seconds that the measurement took.
    """

    steps: int
    samples: int
    batch_size: int
    macs: int
    step: float
    step_cpu: float
    validation: float
    validation_cpu: float
    once: float
    once_cpu: float
    start: float
    start_cpu: float
    measured: float

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.steps * self.step + self.validation + self.once

    @property
    def epoch_cpu(self) -> float:
        """The same of the processor."""
        return self.steps * self.step_cpu + self.validation_cpu + self.once_cpu

    @property
    def operations(self) -> int:
        """Multiply-accumulates of an epoch's steps: forwards, and twice as many backwards, to inputs and weights."""
        return 3 * self.macs * self.samples

    def seconds(self, epochs: int) -> float:
        """Of a training of so many epochs."""
        return self.start + epochs * self.epoch

    def cpu_seconds(self, epochs: int) -> float:
        """The same of the processor."""
        return self.start_cpu + epochs * self.epoch_cpu

    def epochs_within(self, seconds: float) -> int:
        """Whole epochs that a training has time for; 0 where not even one."""
        return max(0, int((seconds - self.start) / self.epoch))

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "epoch": self.epoch, "epoch_cpu": self.epoch_cpu, "operations": self.operations}


def measure_costs(
    make_net: Callable[[], Any], data: Any, *, batch_size: int, seconds: float = 5.0, **options: Any
) -> TrainingCosts:
    """Time a few steps, and what comes with an epoch, of a training by `fit`.

    Args:
        make_net: gives a net as it would be trained.
        data: as for `fit`.
        batch_size: samples a step.
        seconds: how long to measure, roughly; more is more exact.
        options: further options of `fit`: objective, optimizer, augment, ….

    Raises:
        LeveretUsageError: `seconds` isn't above 0, or arguments that `fit` refuses.
    """
    if not seconds > 0:
        raise LeveretUsageError(f"seconds must be above 0, got {seconds}")
    from leveret.budget._clock import WARMING, timed
    from leveret.training._loader import BatchSampler

    started = time.perf_counter()
    size = min(batch_size, len(data.train))
    steps = len(BatchSampler(len(data.train), size, 0))
    # how long a step takes, in order to know how many to time
    tried = timed(make_net(), data, size, min(steps, _TRIED), 1, 0, options)
    each = float(np.median(tried.steps[WARMING:] or tried.steps))
    wanted = int(min(max(seconds / 2 / max(each, 1e-6), _LEAST), _MOST, steps))
    held = min(len(data.val), max(64, wanted * size // 2))
    found = timed(make_net(), data, size, wanted, 2, held, options)
    step, once, start = (list(map(float, reading)) for reading in (found.step, found.once, found.start))
    looked = [float(seconds) * len(data.val) / max(held, 1) for seconds in found.validation]
    return TrainingCosts(
        steps=steps,
        samples=len(data.train),
        batch_size=size,
        macs=_macs(make_net(), data),
        step=step[0],
        step_cpu=step[1],
        validation=looked[0],
        validation_cpu=looked[1],
        once=once[0],
        once_cpu=once[1],
        start=start[0],
        start_cpu=start[1],
        measured=time.perf_counter() - started,
    )


def _macs(net: Any, data: Any) -> int:
    """Multiply-accumulates of convolutions and linear layers, of one sample forwards."""
    import torch

    from leveret.nets import layer_operations

    values = data.train.fetch(np.arange(min(2, len(data.train))))
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(data.normalization.apply(values))
    return sum(number for _, number in layer_operations(net, values))
