"""`FineTuning`: what a method of the catalogue trains with, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from leveret.training import StagedTraining

__all__ = ["FineTuning"]

_CALIBRATION = 256
_MOST_FOR_NORMS = 4096


@dataclass
class FineTuning(StagedTraining):
    """Data, budget and recipe of a method's training; and what came of it. As `StagedTraining`, and

    Args:
        pretraining: epochs that the net was trained before: a learner that begins from nothing may take them, too.
        skip_unfit: leave layers that a method doesn't fit as they are, with a warning.
    """

    pretraining: int = 0
    skip_unfit: bool = False

    def batches(self, samples: int = _CALIBRATION) -> list[Tensor]:
        """Some normalised training images, from the whole of the training part, in batches of 64."""
        step = max(1, len(self.data.train) // samples)
        chosen = np.arange(0, len(self.data.train), step)[:samples]
        return list(torch.from_numpy(self.data.normalization.apply(self.data.train.fetch(chosen))).split(64))

    def batches_for_norms(self) -> list[Tensor]:
        """Up to some thousand normalised training images, in batches as large as in training."""
        images = torch.cat(self.batches(_MOST_FOR_NORMS))
        return [batch for batch in images.split(self.batch_size) if len(batch) > 1]
