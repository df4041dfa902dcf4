"""The quick run's settings, beside the full ones of `_settings.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from leveret.experiments.incremental._settings import SETTINGS, Setting

__all__ = ["PACKED_SECONDS", "QUICK", "WORKERS_EPOCHS"]

WORKERS_EPOCHS = 2
PACKED_SECONDS = 0.2

_TINY: dict[str, Any] = {"each": 40, "epochs": 2, "branch_epochs": 1, "leaf_epochs": 1, "budget": 60, "seeds": 1}

QUICK: Mapping[str, Setting] = {
    "fashion": replace(SETTINGS["fashion"], title="Digits in the place of Fashion-MNIST", **_TINY),
    "cifar": replace(SETTINGS["cifar"], title="Coloured digits in the place of CIFAR-10", **_TINY),
}
