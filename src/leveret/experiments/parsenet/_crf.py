"""A dense CRF behind the best net: its numbers searched on the validation part, then tested and timed."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leveret._files import write_json
from leveret.context import FCN, DenseCRF
from leveret.data import SegmentationData
from leveret.data.segmentation import SegmentationSplit
from leveret.experiments.parsenet._training import Training, figures_of
from leveret.training import Task
from leveret.training.metrics import SegmentationMeter

__all__ = ["GRID", "CRFSearch", "refine"]

# from where docs/context.md begins; each number in turn takes the value that validation likes best
GRID: dict[str, tuple[float, ...]] = {
    "position_bandwidth": (10, 5, 20, 40),
    "color_bandwidth": (10, 5, 20),
    "appearance": (3, 1, 6),
    "smoothness_bandwidth": (1, 2, 4),
    "smoothness": (1, 0.25, 0.5, 3),
}
_ITERATIONS = 5
_EVERY = 5  # of the validation part's pictures one is searched with; they are frames of one drive
_TRIED = "tried.json"

Numbers = dict[str, float]
Batch = tuple[NDArray[np.uint8], NDArray[np.int64], Tensor]


@dataclass(frozen=True)
class CRFSearch(Task):
    """Searches, and keeps each try.

    Attributes:
        training: of the net.
    """

    training: Training

    def work(self, *shared: Any) -> dict[str, Any]:
        data: SegmentationData = shared[0]
        net = self.training.trained(data)
        places = np.arange(0, len(data.val), _EVERY)
        some = _batch(net, data, data.val, places)
        tried = self._earlier()

        def score(numbers: Numbers) -> float:
            key = json.dumps(numbers)
            if key not in tried:
                tried[key] = _searched(numbers, some, data)
                write_json(self.folder / _TRIED, tried)
            return tried[key]

        numbers = {name: values[0] for name, values in GRID.items()}
        for name, values in GRID.items():
            tries = [numbers | {name: value} for value in values]
            numbers = max(tries, key=score)
        plain, refined, seconds = _tested(net, data, numbers)
        return {
            "numbers": numbers,
            "iterations": _ITERATIONS,
            "searched_images": len(places),
            "tries": len(tried),
            "before": plain,
            "after": refined,
            "ms": 1e3 * seconds,
            "history": [],
        }

    def _earlier(self) -> dict[str, float]:
        path = self.folder / _TRIED
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def refine(numbers: Numbers, logits: Tensor, pixels: NDArray[np.uint8]) -> Tensor:
    """Log-marginals by a CRF of these numbers, shaped as the logits."""
    return DenseCRF(**numbers, iterations=_ITERATIONS)(logits, torch.from_numpy(pixels))  # type: ignore[arg-type]


@torch.inference_mode()
def _batch(net: FCN, data: SegmentationData, split: SegmentationSplit, places: NDArray[np.int64]) -> Batch:
    """Pixels, masks and the net's logits."""
    pixels, masks = split.fetch_pairs(places)
    parts = [net(torch.from_numpy(data.normalization.apply(pixels[i : i + 8]))) for i in range(0, len(pixels), 8)]
    return pixels, masks, torch.cat(parts)


def _searched(numbers: Numbers, some: Batch, data: SegmentationData) -> float:
    pixels, masks, logits = some
    meter = SegmentationMeter(data.classes, tolerance=None)
    with torch.inference_mode():
        for i in range(len(pixels)):
            meter.update(refine(numbers, logits[i : i + 1], pixels[i : i + 1]).numpy(), masks[i : i + 1])
    return meter.compute().miou


def _tested(net: FCN, data: SegmentationData, numbers: Numbers) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Figures of the test part before and after, and the CRF's median seconds an image."""
    before, after = SegmentationMeter(data.classes), SegmentationMeter(data.classes)
    seconds = []
    for first in range(0, len(data.test), 8):
        places = np.arange(first, min(first + 8, len(data.test)))
        pixels, masks, logits = _batch(net, data, data.test, places)
        before.update(logits.numpy(), masks)
        for i in range(len(pixels)):
            started = time.process_time()
            with torch.inference_mode():
                refined = refine(numbers, logits[i : i + 1], pixels[i : i + 1])
            seconds.append(time.process_time() - started)
            after.update(refined.numpy(), masks[i : i + 1])
    return figures_of(before.compute()), figures_of(after.compute()), statistics.median(seconds)
