"""`timed`: a small training by `fit`, with a clock held to its steps, validations and epochs."""

from __future__ import annotations

import tempfile
import time
import warnings
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray

from leveret.errors import LeveretWarning
from leveret.training import fit

__all__ = ["WARMING", "Timed", "timed"]

WARMING = 2  # steps that take longer than all others

Reading = NDArray[np.float64]  # (clock, processor) in seconds


@dataclass
class Timed:
    """Seconds of a small training, each by the clock and by the processor.

    Attributes:
        of_steps: from the end of one step to the end of the next, fetching and augmenting included.
        of_validations: each look at the validation part.
        of_epochs: each epoch, with its validation and its checkpoints.
        whole: of everything.
    """

    of_steps: list[Reading] = field(default_factory=list)
    of_validations: list[Reading] = field(default_factory=list)
    of_epochs: list[Reading] = field(default_factory=list)
    whole: Reading = field(default_factory=lambda: np.zeros(2))

    @property
    def steps(self) -> list[float]:
        """The clock's of the steps."""
        return [float(reading[0]) for reading in self.of_steps]

    @property
    def step(self) -> Reading:
        """A step once it is warm."""
        return np.mean(self.of_steps[WARMING:] or self.of_steps, axis=0)

    @property
    def validation(self) -> Reading:
        """The last look at the validation part."""
        return self.of_validations[-1] if self.of_validations else np.zeros(2)

    @property
    def once(self) -> Reading:
        """What the last epoch needed besides."""
        count = len(self.of_steps) // len(self.of_epochs)
        return np.maximum(self.of_epochs[-1] - np.sum(self.of_steps[-count:], axis=0) - self.validation, 0)

    @property
    def start(self) -> Reading:
        """What there was outside the epochs, and what the first steps needed more than others."""
        warming = np.sum(self.of_steps[:WARMING], axis=0) - len(self.of_steps[:WARMING]) * self.step
        return np.maximum(self.whole - np.sum(self.of_epochs, axis=0) + warming, 0)


class _Clock(pl.Callback):
    def __init__(self) -> None:
        self.found = Timed()
        self.epoch: Reading | None = None
        self.last = self.look = _now()

    def on_train_epoch_start(self, *_: Any) -> None:
        self._end_epoch()
        self.epoch = self.last = _now()

    def on_train_batch_end(self, *_: Any) -> None:
        now = _now()
        self.found.of_steps.append(now - self.last)
        self.last = now

    def on_validation_start(self, *_: Any) -> None:
        self.look = _now()

    def on_validation_end(self, *_: Any) -> None:
        self.found.of_validations.append(_now() - self.look)

    def on_train_end(self, *_: Any) -> None:
        self._end_epoch()

    def _end_epoch(self) -> None:
        # an epoch ends where the next begins: checkpoints and history are written between
        if self.epoch is not None:
            self.found.of_epochs.append(_now() - self.epoch)


def timed(net: Any, data: Any, size: int, steps: int, epochs: int, held: int, options: dict[str, Any]) -> Timed:
    """Train on so many batches, and look at so many validation samples, for a few epochs.

    Args:
        net: is trained.
        data: as for `fit`; a part of it is taken.
        size: of a batch.
        steps, epochs: of the training.
        held: validation samples.
        options: of `fit`.
    """
    kept = ("normalization", "classes", "kind", "name", "image_shape", "num_classes")
    part = SimpleNamespace(
        **{name: getattr(data, name) for name in kept if hasattr(data, name)},
        train=data.train.subset(np.arange(min(steps * size, len(data.train)))),
        val=data.val.subset(np.arange(held)),
    )
    clock = _Clock()
    began = _now()
    with tempfile.TemporaryDirectory(prefix="leveret-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", LeveretWarning)
        common: dict[str, Any] = {"out": folder, "progress": False, "trainer_args": {"callbacks": [clock]}}
        fit(net, part, epochs=epochs, batch_size=size, **common, **options)
        clock.found.whole = _now() - began
    return clock.found


def _now() -> Reading:
    return np.array([time.perf_counter(), time.process_time()])
