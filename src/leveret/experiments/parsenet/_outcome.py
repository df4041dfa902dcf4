"""What is shown of trained nets of the first seed: their features' lengths, and masks of the worst and best images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leveret.context import FCN
from leveret.data import SegmentationData
from leveret.experiments.parsenet._crf import refine
from leveret.experiments.parsenet._pictures import extremes, strips

__all__ = ["draw_crf", "draw_extremes"]

_CRF_PICTURES = 2


def draw_extremes(
    path: Path, data: SegmentationData, nets: Mapping[str, FCN], image_iou: Sequence[float | None]
) -> None:
    """The test images of the least and the largest `image_iou`, with masks of the nets by their titles."""
    worst, best = extremes(image_iou)
    notes = [f"{name}, {image_iou[i]:.0%}" for name, some in (("worst", worst), ("best", best)) for i in some]
    places = [*worst, *best]
    strips(path, data, places, notes, {title: _said(net, data, places) for title, net in nets.items()})


def draw_crf(path: Path, data: SegmentationData, net: FCN, title: str, found: Mapping[str, Any]) -> None:
    """The test images that a CRF mends and spoils most."""
    changes = [
        None if a is None or b is None else a - b
        for a, b in zip(found["after"]["image_iou"], found["before"]["image_iou"], strict=True)
    ]
    lost, gained = extremes(changes, _CRF_PICTURES)
    places = [*gained, *lost]
    pixels = data.test.fetch(places)
    with torch.inference_mode():
        logits = net(torch.from_numpy(data.normalization.apply(pixels)))
        refined = torch.cat(
            [refine(found["numbers"], logits[i : i + 1], pixels[i : i + 1]) for i in range(len(places))]
        )
    said = {title: logits.argmax(1).numpy(), f"{title} + CRF": refined.argmax(1).numpy()}
    strips(path, data, places, [f"{100 * (changes[i] or 0):+.1f} points" for i in places], said)


@torch.inference_mode()
def _said(net: FCN, data: SegmentationData, places: Sequence[int]) -> NDArray[np.int64]:
    pixels = data.test.fetch(np.array(places))
    return net(torch.from_numpy(data.normalization.apply(pixels))).argmax(1).numpy()
