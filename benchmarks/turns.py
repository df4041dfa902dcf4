"""What the benchmarks share: shapes, calls that take turns, PyTorch's side, and the command line."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["SHAPES", "Call", "geometric_mean", "medians", "options_of", "torch_convolutions", "write"]

Call = Callable[[], Any]

# of ResNet-18's 3x3 convolutions: side of the image, channels in and out
SHAPES = ((56, 64), (28, 128), (14, 256), (7, 512))


def _seconds(call: Call, least: float) -> float:
    """Time of one call, from as many as take `least` seconds."""
    count, spent = 0, 0.0
    start = time.perf_counter()
    while spent < least:
        call()
        count += 1
        spent = time.perf_counter() - start
    return spent / count


def medians(calls: Mapping[str, Call], repeats: int, least: float = 0.03) -> dict[str, float]:
    """Seconds of each call: medians over `repeats` turns, of as many calls in a row as take `least` seconds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for _ in range(repeats):
            for name, call in calls.items():
                times[name].append(_seconds(call, least))
    return {name: statistics.median(values) for name, values in times.items()}


def torch_convolutions(x: np.ndarray, weight: np.ndarray) -> dict[str, Call]:
    """PyTorch's convolution in both memory layouts, "torch_nchw" and "torch_nhwc".

    Of x `(1, side, side, channels)` and weight `(out, k, k, channels)`, padded to the same side.
    """
    image, filters = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(weight).permute(0, 3, 1, 2)
    padding = weight.shape[1] // 2
    calls: dict[str, Call] = {}
    for name, layout in (("torch_nchw", torch.contiguous_format), ("torch_nhwc", torch.channels_last)):
        a, w = image.contiguous(memory_format=layout), filters.contiguous(memory_format=layout)
        calls[name] = lambda a=a, w=w: torch.conv2d(a, w, padding=padding)
    return calls


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is, as of a peer that isn't installed."""
    known = [value for value in values if value is not None]
    return statistics.geometric_mean(known) if known else None


def options_of(doc: str, **defaults: int | float | bool) -> argparse.Namespace:
    """The command line: an option for each default (a switch for False), and --json PATH."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, default in defaults.items():
        if default is False:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


def write(result: Mapping[str, Any], path: Path | None) -> None:
    """The figures as JSON, if a path was given."""
    if path is not None:
        path.write_text(json.dumps(result, indent=2) + "\n")
