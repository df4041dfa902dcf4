"""`leveret budget` with data: what a training costs on this machine, and how much of it a deadline affords."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leveret.errors import LeveretUsageError

if TYPE_CHECKING:  # `--help` needs none of it
    from torch import nn

    from leveret.budget import Seen, TrainingCosts
    from leveret.data import Data

__all__ = ["Plan", "run", "seconds_of"]

BUSY = 1.5  # the clock's seconds over the processor's, from where on a machine is busy

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Plan:
    """What a training costs, and what a deadline affords.

    Attributes:
        data, net: names.
        epochs: that a training of this data would take: asked for, or the usual.
        parameters: of the net.
        costs: measured.
        loading: seconds that the data took to load.
        threads: of the training.
        deadline: seconds that there are; None for none.
    """

    data: str
    net: str
    epochs: int
    parameters: int
    costs: TrainingCosts
    loading: float
    threads: int
    deadline: float | None

    @property
    def affordable(self) -> int | None:
        """Epochs that the deadline affords; None without one."""
        return None if self.deadline is None else self.costs.epochs_within(self.deadline - self.loading)

    @property
    def planned(self) -> int:
        """Epochs that the plan is of: the usual ones, or those that the deadline affords."""
        return self.epochs if self.affordable is None else min(self.epochs, self.affordable)

    @property
    def seconds(self) -> float:
        """Of loading the data and training for `epochs`."""
        return self.loading + self.costs.seconds(self.epochs)

    @property
    def seen(self) -> Seen:
        """What the planned training shows the net."""
        from leveret.budget import seen

        samples = self.planned * self.costs.samples
        return seen(samples, self.costs.samples if samples else 0)

    @property
    def busy(self) -> bool:
        """Whether others kept the processor from the measurement, so that times hold only while they do."""
        return self.costs.step * self.threads > BUSY * self.costs.step_cpu

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "data": self.data,
            "net": self.net,
            "parameters": self.parameters,
            "threads": self.threads,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "cpu_seconds": self.costs.cpu_seconds(self.epochs),
            "deadline": self.deadline,
            "affordable_epochs": self.affordable,
            "loading": self.loading,
            "busy": self.busy,
            "seen": self.seen.as_dict(),
            "costs": self.costs.as_dict(),
        }


def run(
    source: str | os.PathLike[str] | Data,
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    deadline: float | str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seconds: float = 5.0,
    seed: int = 0,
    strict: bool = False,
    threads: int | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> Plan:
    """Time a few steps of `leveret fit` on this machine, and plan the whole.

    Args:
        source: as for `leveret.load`, or what it gave.
        net: as for `leveret fit`.
        deadline: seconds, or a text such as "30m", "1h30m" or "90s".
        epochs: that are wanted. Default: by the data's size, as `leveret fit` would take.
        batch_size: of a step. Default: by the data's size.
        seconds: how long to measure, roughly.
        seed: of the splits.
        strict: make unreadable samples an error instead of a counted warning.
        threads: of torch. Default: the cores, or one for nets so small that more would wait.
        progress: show a bar while decoding, on a terminal.
        data_options: passed on to `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, or a net that doesn't suit the data.
        LeveretDataError: the source is missing or can't be used.
    """
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    until = seconds_of(deadline)
    import torch

    from leveret._threads import default_threads, limited_threads
    from leveret.budget import measure_costs
    from leveret.jobs._data import load_with_test
    from leveret.jobs._fit_recipe import fit_recipe
    from leveret.nets import parameter_count
    from leveret.training._threads import threads_for

    options = {key: value for key, value in (data_options or {}).items() if value is not None}
    started = time.perf_counter()
    data = load_with_test(source, seed=seed, progress=progress, options={**options, "strict": strict})
    loading = time.perf_counter() - started
    recipe = fit_recipe(data, net=net, epochs=epochs, batch_size=batch_size, seed=seed)
    torch.manual_seed(seed)
    made = recipe.make_net()
    used = threads or threads_for(made, data, recipe.batch_size, default_threads())
    with limited_threads(used):
        costs = measure_costs(
            recipe.make_net,
            data,
            batch_size=recipe.batch_size,
            seconds=seconds,
            lr=recipe.lr,
            augment=recipe.augment,
            gradient_clip=5.0,
            **recipe.fit_options,
        )
    return Plan(data.name, recipe.name, recipe.epochs, parameter_count(made), costs, loading, used, until)


def seconds_of(deadline: float | str | None) -> float | None:
    """Seconds of a time such as "30m", "1h30m", "90s" or 90.

    Raises:
        LeveretUsageError: it is no such time, or not above 0.
    """
    if deadline is None:
        return None
    found: float | None = None
    if isinstance(deadline, int | float):
        found = float(deadline)
    else:
        text = deadline.strip().lower().replace(" ", "")
        parts = re.findall(r"(\d+(?:\.\d+)?)(min|[smhd])", text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            found = sum(float(number) * _UNITS[unit] for number, unit in parts)
        elif re.fullmatch(r"\d+(\.\d+)?", text):
            found = float(text)
    if found is None or not 0 < found < float("inf"):
        raise LeveretUsageError(f"a deadline must be a time above 0 such as 30m, 1h30m or 90s, got {deadline!r}")
    return found
