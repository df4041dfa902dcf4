"""`Looked`: what a model says of a closer look, in PyTorch or packed; and explanations made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.report.explanation import Explanation

__all__ = ["Looked", "looked_at", "shares"]


class Looked(Protocol):
    """What a dynamic capacity net did with a batch. `capacity.Look` is one, and so is what a packed net's `look` gives.

    Attributes:
        logits, coarse_logits: `(batch, num_classes)`, after and before the closer look.
        saliency: `(batch, rows, columns)`.
        boxes: for each image `(count, 4)`, the pixels of its patches in the order of their choice: top, left, bottom,
            right, the ends exclusive; they may reach past the image.
        first, stride, size: what places stand for, in pixels `(y, x)`: where the field of place (0, 0) begins, how far
            the next place's is from there, and how large it is.
    """

    # arrays, or tensors without gradient
    @property
    def logits(self) -> Any: ...

    @property
    def coarse_logits(self) -> Any: ...

    @property
    def saliency(self) -> Any: ...

    @property
    def boxes(self) -> Sequence[Any]: ...

    @property
    def first(self) -> tuple[int, int]: ...

    @property
    def stride(self) -> tuple[int, int]: ...

    @property
    def size(self) -> tuple[int, int]: ...


def looked_at(
    look: Looked, pixels: NDArray[np.uint8], classes: Sequence[str], true: Sequence[str | None] | None = None
) -> list[Explanation]:
    """An explanation of each image of a batch.

    Args:
        look: a `Looked`, without gradient.
        pixels: the images, `(batch, channels, height, width)` uint8.
        classes: names, in the order of the logits.
        true: the class of each image, where it is known.
    """
    after, before = shares(look.logits), shares(look.coarse_logits)
    saliency = np.asarray(look.saliency, np.float64)
    extent = _extent(look, saliency.shape[1:])
    return [
        Explanation(
            pixels=image,
            heat=saliency[i],
            extent=extent,
            boxes=np.asarray(look.boxes[i], np.int64).reshape(-1, 4),
            after=after[i],
            before=before[i],
            classes=tuple(classes),
            true=None if true is None else true[i],
        )
        for i, image in enumerate(pixels)
    ]


def shares(logits: ArrayLike) -> NDArray[np.float64]:
    """Class probabilities `(batch, num_classes)`, the softmax of logits."""
    values = np.asarray(logits, np.float64)
    values = np.exp(values - values.max(1, keepdims=True))
    return values / values.sum(1, keepdims=True)


def _extent(look: Looked, grid: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Top, left, bottom, right of the pixels that the grid's places stand for: a stride around each field's middle."""
    ends = []
    for start, size, stride, places in zip(look.first, look.size, look.stride, grid, strict=True):
        first = start + (size - stride) / 2
        ends.append((first, first + stride * places))
    (top, bottom), (left, right) = ends
    return top, left, bottom, right
