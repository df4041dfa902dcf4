"""Test images with what a model said of them, as galleries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leveret.report.blocks import Gallery, Picture
from leveret.report.pictures import data_uri

__all__ = ["Sample", "galleries"]

_TINY = 64


@dataclass(frozen=True)
class Sample:
    """A test image, `(channels, height, width)` uint8, its class, what the model said and how sure it was."""

    pixels: NDArray[np.uint8]
    true: str
    said: str
    probability: float


def galleries(samples: Sequence[Sample]) -> list[Gallery]:
    """The wrong ones, where there are any, and the right ones."""
    wrong = tuple(_picture(sample) for sample in samples if sample.said != sample.true)
    right = tuple(_picture(sample) for sample in samples if sample.said == sample.true)
    found = []
    if wrong:
        found.append(Gallery("Wrong, where the model was surest", wrong, "bad"))
    if right:
        found.append(Gallery("Right", right, "good"))
    return found


def _picture(sample: Sample) -> Picture:
    sure = f"{100 * sample.probability:.0f} % sure"
    tiny = max(sample.pixels.shape[1:]) <= _TINY
    if sample.said == sample.true:
        alt = f"Test image of class {sample.true}, predicted rightly, {sure}"
        return Picture(data_uri(sample.pixels), alt, (sample.true, sure), tiny)
    alt = f"Test image of class {sample.true}, predicted as {sample.said}, {sure}"
    return Picture(data_uri(sample.pixels), alt, (f"said {sample.said}", f"is {sample.true}", sure), tiny)
