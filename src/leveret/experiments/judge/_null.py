"""False alarms: how often two draws of the same digits are called different, once and in repeated looks."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from leveret.experiments.judge._digits import disjoint
from leveret.experiments.judge._settings import FULL, Setting
from leveret.judge import Looks, judge

__all__ = ["null"]

_SIZE = 200
_ALPHA = 0.05
_PERIOD, _LOOK_SIZE = 10, 50


def null(seeds: int | None, setting: Setting = FULL) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rates over so many runs, 1,000 by default; and of periods of ten looks at one reference, half as many."""
    runs = seeds or setting.null_runs
    started = time.process_time()
    observers: dict[str, dict[str, list[float]]] = {"logistic": {}, "knn": {}}
    for observer, ps in observers.items():
        for seed in range(runs):
            # other draws for each observer, so that their rates are independent
            a, b = disjoint(_SIZE, seed + runs * (observer == "knn"))
            found = judge(a, b, observer=observer, alpha=_ALPHA, seed=seed, mmd=observer == "logistic")
            for test, result in found.tests.items():
                ps.setdefault(test, []).append(result["p"])
    rates = {
        observer: {test: float(np.mean(np.array(values) <= _ALPHA)) for test, values in ps.items()}
        for observer, ps in observers.items()
    }
    alarms, uncorrected = _periods(max(1, runs // 2))
    figures = {
        "type1_rate": rates["logistic"]["ranks"],
        "null_runs": runs,
        "looks_alarm_rate": float(np.mean(alarms)),
        "uncorrected_alarm_rate": float(np.mean(uncorrected)),
    }
    return figures, {
        "seeds": runs,
        "size": _SIZE,
        "alpha": _ALPHA,
        "rates": rates,
        "deviation": float(np.sqrt(_ALPHA * (1 - _ALPHA) / runs)),
        "periods": len(alarms),
        "period": _PERIOD,
        "look_size": _LOOK_SIZE,
        "cpu_seconds": time.process_time() - started,
    }


def _periods(count: int) -> tuple[list[bool], list[bool]]:
    """Whether there was any alarm in a period of looks, each of new samples against one reference; and without
    correction."""
    alarms, uncorrected = [], []
    with tempfile.TemporaryDirectory(prefix="leveret-") as folder:
        for period in range(count):
            looks = Looks(Path(folder) / f"{period}.json", alpha=_ALPHA, period=_PERIOD)
            first, rest = disjoint(_LOOK_SIZE * (_PERIOD + 1), 10_000 + period)
            reference = first[:_LOOK_SIZE]
            found = [
                judge(
                    reference,
                    rest[_LOOK_SIZE * look : _LOOK_SIZE * (look + 1)],
                    observer="logistic",
                    looks=looks,
                    mmd=False,
                    seed=look,
                )
                for look in range(_PERIOD)
            ]
            alarms.append(any(verdict.different for verdict in found))
            uncorrected.append(any(verdict.p <= _ALPHA for verdict in found))
    return alarms, uncorrected
