"""What a dynamic capacity net gains by its closer look, and what that costs: for `leveret fit`'s report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leveret.capacity import DynamicCapacityNet
from leveret.jobs._looks import looked_at
from leveret.report.explanation import Explanation

__all__ = ["capacity_examples", "capacity_figures"]

_SAMPLES = 2_000
_BATCH = 64
_MOST_PATCHES = 64  # the last point of the curve
_LOOKED_THROUGH = 256


def capacity_figures(net: DynamicCapacityNet, data: Any) -> dict[str, Any]:
    """Costs and accuracies of a trained net on the test part, as plain values.

    Coarse features alone, refined ones, and fine ones everywhere are told by the same top layers, on the same first
    samples of the test part: at most 2,000 of them, since fine features everywhere are dear.

    Args:
        net: in eval mode.
        data: images, from `leveret.load`.

    Returns:
        `patches` (the mean, where their number differs from image to image), `places`, `grid`, `field` (height and
        width of a patch in pixels), `operations` of each part and of the whole for one image (multiply-accumulates),
        `samples`, `accuracy` by "coarse", "refined" and "fine", and `curve`: a dict of `patches`, `accuracy` and
        `operations` for each number of patches that was tried.
    """
    _, height, width = data.image_shape
    rows, columns = net.geometry.grid(height, width)
    cost = net.operations(height, width)
    numbers = _numbers(net.k, rows * columns)
    labels = np.asarray(data.test.labels[:_SAMPLES])
    right = dict.fromkeys(("coarse", "refined", "fine", *numbers), 0)
    patches = 0
    usual = net.k
    try:
        for images, truth in _batches(net, data, len(labels)):
            with torch.no_grad():
                look = net.look(images)
                patches += int(look.counts.sum())
                said: dict[Any, torch.Tensor] = {"coarse": look.coarse_logits, "refined": look.logits}
                said["fine"] = net.fine_logits(images)
                for number in numbers:
                    net.k = number
                    said[number] = net(images)
                net.k = usual
            for key, logits in said.items():
                right[key] += int((logits.argmax(1).numpy() == truth).sum())
    finally:
        net.k = usual
    share = {key: count / len(labels) for key, count in right.items()}
    mean = patches / len(labels)
    return {
        "patches": mean,
        "places": rows * columns,
        "grid": [rows, columns],
        "field": list(net.patches.size(height, width)),
        "operations": {
            "coarse": cost.coarse,
            "top": cost.top,
            "patch": cost.patch,
            "whole": cost.whole,
            "refined": cost.with_patches(mean),
            "fine_net": cost.fine_net,
        },
        "samples": len(labels),
        "accuracy": {key: share[key] for key in ("coarse", "refined", "fine")},
        "curve": [
            {"patches": number, "accuracy": share[number], "operations": cost.with_patches(number)}
            for number in numbers
        ],
    }


def capacity_examples(net: DynamicCapacityNet, data: Any, most: int = 4) -> list[Explanation]:
    """Test images to look at: those whose prediction the closer look put right, then where it made most sure."""
    count = min(_LOOKED_THROUGH, len(data.test))
    found: list[Explanation] = []
    for start in range(0, count, _BATCH):
        indices = np.arange(start, min(start + _BATCH, count))
        pixels = data.test.fetch(indices)
        with torch.no_grad():
            look = net.look(torch.from_numpy(data.normalization.apply(pixels)))
        found += looked_at(look, pixels, data.classes, [data.classes[label] for label in data.test.labels[indices]])
    return sorted(found, key=_worth)[:most]


def _worth(explanation: Explanation) -> tuple[bool, bool, float]:
    """Put right first, then right by the largest fall of the entropy."""
    before, after = explanation.entropies
    put_right = explanation.said == explanation.true and explanation.said_before != explanation.true
    return not put_right, explanation.said != explanation.true, after - before


def _numbers(k: Any, places: int) -> list[int]:
    """Patches to try: none, one, two, four, …, and the net's own number."""
    numbers = {0} | {1 << i for i in range(10) if 1 << i <= min(places, _MOST_PATCHES)}
    return sorted(numbers | ({min(k, places)} if isinstance(k, int) else set()))


def _batches(net: DynamicCapacityNet, data: Any, count: int) -> Iterator[tuple[torch.Tensor, NDArray[np.int64]]]:
    for start in range(0, count, _BATCH):
        indices = np.arange(start, min(start + _BATCH, count))
        images = torch.from_numpy(data.normalization.apply(data.test.fetch(indices)))
        yield images.contiguous(memory_format=torch.channels_last), np.asarray(data.test.labels[indices])
