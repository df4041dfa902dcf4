"""What an objective sees: one batch of images, rows or texts with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ["UNLABELLED", "Batch"]

# the label of a sample that has none, as torch's losses know it
UNLABELLED = -100


@dataclass
class Batch:
    """One batch, as it reaches an objective.

    Attributes:
        inputs: `(batch, channels, height, width)` float32, normalised and augmented; channels last in memory if asked.
            For tables, `(batch, features)` float32, normalised; for texts, a list of strings; for sentences with tags,
            a list of lists of tokens.
        labels: `(batch,)` int64, from 0; −100 where a sample has none. Of images with masks, `(batch, height, width)`:
            a label a pixel. Of sentences with tags, `(batch, longest)`: a label a token, −100 behind a sentence's end.
        indices: `(batch,)` int64, the samples' places in their split.
        logits: `(batch, num_classes)`, of masks `(batch, num_classes, height, width)`, of tags `(batch, num_classes,
            longest)`; an objective leaves the net's
            output here, so that accuracy needs no second forward pass.
    """

    inputs: Any
    labels: Tensor
    indices: Tensor
    logits: Tensor | None = None
