"""Power: how often known shifts of digits are noticed, by size of the shift, number of samples and observer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from leveret.experiments.judge._digits import SHIFTS, shifted
from leveret.experiments.judge._settings import FULL, Setting
from leveret.judge import judge

__all__ = ["power"]

_SIZES = (50, 100, 200, 400)
_NET_SIZE = 200


def power(seeds: int | None, setting: Setting = FULL) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row a shift, strength, size and observer: the share of runs that found it. MMD and the net's are among them."""
    runs = seeds or setting.power_runs
    started = time.process_time()
    rows = []
    for shift, (_, strengths) in SHIFTS.items():
        for strength in strengths:
            for size in _SIZES:
                found: dict[str, list[bool]] = {}
                for seed in range(runs):
                    a, b = shifted(size, shift, strength, seed)
                    logistic = judge(a, b, observer="logistic", seed=seed)
                    noticed = {f"logistic, {test}": logistic.tests[test]["p"] <= 0.05 for test in ("ranks", "binomial")}
                    noticed["mmd"] = logistic.tests["mmd"]["p"] <= 0.05
                    noticed["knn, ranks"] = judge(a, b, observer="knn", seed=seed, mmd=False).different
                    for way, value in noticed.items():
                        found.setdefault(way, []).append(value)
                if size == _NET_SIZE:
                    found["net, ranks"] = [
                        judge(*shifted(size, shift, strength, seed), observer="net", seed=seed, mmd=False).different
                        for seed in range(min(runs, setting.net_runs))
                    ]
                rows += [
                    {
                        "shift": shift,
                        "strength": strength,
                        "size": size,
                        "observer": way,
                        "power": float(np.mean(values)),
                        "runs": len(values),
                    }
                    for way, values in found.items()
                ]
    return {"power": rows}, {"seeds": runs, "runs": runs, "cpu_seconds": time.process_time() - started}
