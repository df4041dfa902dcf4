"""`Explanation`: what a model says of an image and where it looked, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Explanation"]


@dataclass(frozen=True)
class Explanation:
    """Of one image.

    Attributes:
        pixels: what the model saw, `(channels, height, width)` uint8 with 1 or 3 channels.
        heat: `(rows, columns)`, the saliency of places; or, of an occlusion map, by how much the probability of the
            class that the model names falls where the image is hidden.
        extent: the pixels that the map lies over: top, left, bottom, right.
        boxes: `(count, 4)` int64, patches in their order, in pixels: top, left, bottom, right, the ends exclusive; they
            may reach past the image.
        after: the class probabilities, `(num_classes,)`.
        before: those before the closer look; None for a model that has none, whose map is one of occlusion.
        classes: names, in that order.
        true: the image's class, where it is known.
        title: of the image: a file's name.
        note: what was done to the image so that the model could take it.
    """

    pixels: NDArray[np.uint8]
    heat: NDArray[np.float64]
    extent: tuple[float, float, float, float]
    boxes: NDArray[np.int64]
    after: NDArray[np.float64]
    before: NDArray[np.float64] | None
    classes: tuple[str, ...]
    true: str | None = None
    title: str = ""
    note: str = ""

    @property
    def said(self) -> str:
        """The class that the model names."""
        return self.classes[int(self.after.argmax())]

    @property
    def said_before(self) -> str:
        """The one that it named before the closer look."""
        return self.classes[int((self.after if self.before is None else self.before).argmax())]

    @property
    def entropies(self) -> tuple[float, float]:
        """Of the prediction, in nats, before and after the closer look."""
        after = _entropy(self.after)
        return (after if self.before is None else _entropy(self.before)), after

    def crop(self, number: int) -> NDArray[np.uint8]:
        """What patch `number` shows, `(channels, height, width)`; the mid grey where it reaches past the image."""
        top, left, bottom, right = self.boxes[number].tolist()
        channels, height, width = self.pixels.shape
        found = np.full((channels, bottom - top, right - left), 128, np.uint8)
        inner = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
        piece = self.pixels[:, inner[0], inner[1]]
        y, x = max(-top, 0), max(-left, 0)
        found[:, y : y + piece.shape[1], x : x + piece.shape[2]] = piece
        return found


def _entropy(shares: NDArray[np.float64]) -> float:
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())
