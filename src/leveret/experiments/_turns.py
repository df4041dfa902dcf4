"""Times of calls that take turns, so that what disturbs one of them disturbs the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["in_turn"]

_LEAST_SECONDS = 0.05  # of a measurement: short calls are repeated


def in_turn(calls: Mapping[str, Callable[[], Any]], rounds: int = 21) -> dict[str, list[float]]:
    """Seconds of each call in each round, `(rounds,)`; medians are what to report."""
    repeats = {}
    for name, call in calls.items():
        call()
        started = time.perf_counter()
        call()
        repeats[name] = max(1, round(_LEAST_SECONDS / (time.perf_counter() - started)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - started) / repeats[name])
    return times
