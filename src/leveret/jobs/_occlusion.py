"""An occlusion map: which parts of an image a classifier needs, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.report.explanation import Explanation

__all__ = ["occluded"]

_ACROSS = 14  # places along the longer side
_SHOWN = 6
_BATCH = 64


def occluded(
    said: Callable[[NDArray[np.uint8]], NDArray[np.float64]], pixels: NDArray[np.uint8], classes: Sequence[str]
) -> Explanation:
    """Hide one square of the image after the other under the image's mean colour, and see what the class loses.

    Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2, where a
    grey square slides over the image. Here squares stand at about 14 places along the longer side and are twice as
    large as they are apart, so that they overlap by half. The boxes are those whose hiding costs most, no two of them
    nearer than a square.

    Args:
        said: from pixels `(n, channels, height, width)` uint8 to class probabilities `(n, num_classes)`.
        pixels: one image, `(channels, height, width)`.
        classes: names, in the order of the probabilities.
    """
    _, height, width = pixels.shape
    step = max(1, round(max(height, width) / _ACROSS))
    size = min(2 * step, height, width)
    tops, lefts = (np.arange(0, max(side - size, 0) + step, step).clip(0, side - size) for side in (height, width))
    shares = said(pixels[None])[0]
    named = int(shares.argmax())
    colour = pixels.mean((1, 2), keepdims=True).round().astype(np.uint8)
    places = [(int(top), int(left)) for top in tops for left in lefts]
    lost = np.empty(len(places))
    for start in range(0, len(places), _BATCH):
        part = places[start : start + _BATCH]
        hidden = np.repeat(pixels[None], len(part), axis=0)
        for image, (top, left) in zip(hidden, part, strict=True):
            image[:, top : top + size, left : left + size] = colour
        lost[start : start + len(part)] = shares[named] - said(hidden)[:, named]
    heat = lost.reshape(len(tops), len(lefts))
    # what lies in the middle of a square is what it stands for
    rim = (size - step) / 2
    return Explanation(
        pixels=pixels,
        heat=heat,
        extent=(rim, rim, rim + step * len(tops), rim + step * len(lefts)),
        boxes=_boxes(lost, places, size),
        after=shares,
        before=None,
        classes=tuple(classes),
    )


def _boxes(lost: NDArray[np.float64], places: list[tuple[int, int]], size: int) -> NDArray[np.int64]:
    chosen: list[tuple[int, int]] = []
    for place in np.argsort(-lost, kind="stable"):
        if lost[place] <= 0 or len(chosen) == _SHOWN:
            break
        top, left = places[place]
        if all(max(abs(top - y), abs(left - x)) >= size for y, x in chosen):
            chosen.append((top, left))
    found: Any = [(top, left, top + size, left + size) for top, left in chosen]
    return np.asarray(found, np.int64).reshape(-1, 4)
