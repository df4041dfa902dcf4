"""How a training part's values are spread, from which its normalisation follows."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.data._types import Normalization, Split

__all__ = ["measure"]

_BLOCK = 1024  # samples at once
_PIXELS = 1 << 22  # at once: counting them takes 8 bytes for each
# below this share of its mean, a feature's deviation is but the roundings of float32
_COARSE = 1e-7


def measure(train: Split, kind: str) -> Normalization:
    """Mean and deviation of the training part: of pixels per channel, of a table's columns; texts have none.

    What is constant is divided by 1.
    """
    if kind == "image":
        return _of_pixels(train)
    return _of_features(train) if kind == "table" else Normalization((0.0,), (1.0,))


def _of_pixels(train: Split) -> Normalization:
    """Exactly, a block of images at a time."""
    counts: Any = None
    step = max(1, min(_BLOCK, _PIXELS // train.fetch(np.arange(1)).size))
    for start in range(0, len(train), step):
        pixels = train.fetch(np.arange(start, min(start + step, len(train))))
        block = np.stack([np.bincount(pixels[:, c].ravel(), minlength=256) for c in range(pixels.shape[1])])
        counts = block if counts is None else counts + block
    values = np.arange(256) / 255
    share = counts / counts.sum(1, keepdims=True)
    mean = share @ values
    std = np.sqrt(np.maximum((share * (values - mean[:, None]) ** 2).sum(1), 0))
    # a constant channel must not divide by nothing
    std = np.where(std < 1e-4, 1.0, std)
    return Normalization(tuple(float(m) for m in mean), tuple(float(s) for s in std))


def _of_features(train: Split) -> Normalization:
    """In two passes, in float64: the squares' mean less the mean's square would lose a small spread far from 0."""
    blocks = [np.arange(start, min(start + _BLOCK, len(train))) for start in range(0, len(train), _BLOCK)]
    mean = sum(train.fetch(block).sum(0, dtype=np.float64) for block in blocks) / len(train)
    # rounded as the net's inputs will be: else a constant feature keeps a difference
    mean = mean.astype(np.float32).astype(np.float64)
    squares = sum(((train.fetch(block) - mean) ** 2).sum(0) for block in blocks)
    std = np.sqrt(squares / len(train))
    coarse = std < _COARSE * np.abs(mean)
    std = np.where(coarse | (std < np.finfo(np.float32).tiny), 1.0, std)
    return Normalization(tuple(float(m) for m in mean), tuple(float(s) for s in std))
