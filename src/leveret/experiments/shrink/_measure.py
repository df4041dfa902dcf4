"""Nets as packed files: their bytes, their errors, and the time that they take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret.jobs._speed import measure
from leveret.packing import pack
from leveret.runtime import Packed
from leveret.training import evaluate

__all__ = ["error_of", "milliseconds", "saved"]

_EXAMPLES = 16


def saved(net: nn.Module, data: Any, path: Path) -> tuple[Packed, int]:
    """The net packed and written to `path`, and the file's bytes."""
    pixels = data.test.fetch(np.arange(min(_EXAMPLES, len(data.test))))
    example = torch.from_numpy(data.normalization.apply(pixels))
    packed = pack(net, example, normalization=data.normalization)
    path.parent.mkdir(parents=True, exist_ok=True)
    packed.save(path)
    return packed, path.stat().st_size


def error_of(model: Any, data: Any, part: Any = "test") -> float:
    """The share of a part that a net, or a packed one, gets wrong."""
    return float(1 - evaluate(model, data, part).accuracy)


def milliseconds(models: Mapping[str, Packed], data: Any, seconds: float = 3.0) -> tuple[dict[str, float], float]:
    """Of each packed net for one image, on one thread, taking turns; and the run's noise (see `jobs._speed`)."""
    pixels = data.test.fetch(np.arange(min(64, len(data.test))))
    calls = {key: (lambda images, own=packed: own(images, threads=1)) for key, packed in models.items()}
    speeds = measure(calls, pixels, threads=1, batch=min(8, len(pixels)), seconds=seconds)
    return {key: speed.ms_per_image for key, speed in speeds.items()}, max(s.noise for s in speeds.values())
