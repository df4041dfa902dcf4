"""Times of calls that take turns, so that what disturbs one of them disturbs the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["in_turn"]

_LEAST_SECONDS = 0.05  # of a measurement: short calls are repeated


def in_turn(
    calls: Mapping[str, Callable[[], Any]], rounds: int = 21, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each call in each round, `(rounds,)`; medians are what to report.

    Args:
        calls: by name.
        rounds: how often each has its turn.
        clock: `time.process_time` for calls on one thread, where other programs need the cores, too: it counts while
            this process runs.
    """
    repeats = {}
    for name, call in calls.items():
        call()
        started = clock()
        call()
        repeats[name] = max(1, round(_LEAST_SECONDS / (clock() - started)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = clock()
            for _ in range(repeats[name]):
                call()
            times[name].append((clock() - started) / repeats[name])
    return times
