"""`FineTuning`: what a method of the catalogue trains with, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.training import fit, has_damaged_checkpoint
from leveret.training._augment import Augmentation

__all__ = ["FineTuning"]

_CALIBRATION = 256
_MOST_FOR_NORMS = 4096


@dataclass
class FineTuning:
    """Data, budget and recipe of a method's training; and what came of it.

    Args:
        data: from `leveret.load`.
        epochs: the budget, passes over the training part; a method of several stages splits it.
        seed: of everything random.
        out: folder for the stages' checkpoints, from which a run that was stopped goes on; None keeps nothing.
        batch_size, lr, augment: as for `fit`; methods scale `lr` to their needs.
        pretraining: epochs that the net was trained before: a learner that begins from nothing may take them, too.
        skip_unfit: leave layers that a method doesn't fit as they are, with a warning.
        progress: show lines of `fit`.

    Attributes:
        history: rows of all stages' `FitResult.history`.
        spent: epochs that were trained, over all stages.
        diverged: a stage's loss or weights became infinite or NaN; its best finished epoch was kept.

    Raises:
        LeveretUsageError: `epochs` below 1.
    """

    data: Any
    epochs: int
    seed: int = 0
    out: Path | None = None
    batch_size: int = 128
    lr: float = 1e-3
    augment: Augmentation | None = None
    pretraining: int = 0
    skip_unfit: bool = False
    progress: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    spent: int = 0
    diverged: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise LeveretUsageError(f"a budget must be at least 1 epoch, got {self.epochs}")

    def fit(self, net: nn.Module, epochs: int | None = None, *, stage: str = "tuning", **options: Any) -> nn.Module:
        """Train `net` in place, and give it back.

        Args:
            net: as for `leveret.fit`.
            epochs: of the budget; default all.
            stage: names its checkpoints; each of a method's stages needs its own.
            options: for `leveret.fit`, in place of what is usual here.

        Raises:
            LeveretTrainingError: it diverged before an epoch was finished. Later, the best epoch is kept and
                `diverged` set.
            KeyboardInterrupt: Ctrl-C.
        """
        where = None if self.out is None else self.out / stage
        usual: dict[str, Any] = {
            "batch_size": self.batch_size,
            "optimizer": "adamw",
            "lr": self.lr,
            "schedule": "cosine",
            "augment": self.augment,
            "gradient_clip": 5.0,
            "seed": self.seed,
        }
        # its rows are kept in the history; a log for TensorBoard of every stage would only be thrown away
        options["trainer_args"] = {"logger": False, **options.get("trainer_args", {})}
        # a kill may have cut a checkpoint short; its stage begins again
        resume = "auto" if where is not None and not has_damaged_checkpoint(where) else False
        try:
            result = fit(
                net,
                self.data,
                epochs=self.epochs if epochs is None else epochs,
                out=where,
                resume=resume,
                stage=stage,
                progress=self.progress,
                **(usual | options),
            )
        except LeveretTrainingError as error:
            if error.result is None or not error.result.history:
                raise
            result = error.result
            self.diverged = True
        if result.interrupted:
            raise KeyboardInterrupt
        self.history += result.history
        self.spent += len(result.history)
        return net

    def split(self, *shares: float) -> list[int]:
        """The budget in whole epochs for each stage, about in proportion to `shares`; at least one each."""
        ends = np.round(np.cumsum(shares) / sum(shares) * self.epochs).astype(int)
        return [max(1, int(n)) for n in np.diff(ends, prepend=0)]

    def batches(self, samples: int = _CALIBRATION) -> list[Tensor]:
        """Some normalised training images, from the whole of the training part, in batches of 64."""
        step = max(1, len(self.data.train) // samples)
        chosen = np.arange(0, len(self.data.train), step)[:samples]
        return list(torch.from_numpy(self.data.normalization.apply(self.data.train.fetch(chosen))).split(64))

    def batches_for_norms(self) -> list[Tensor]:
        """Up to some thousand normalised training images, in batches as large as in training."""
        images = torch.cat(self.batches(_MOST_FOR_NORMS))
        return [batch for batch in images.split(self.batch_size) if len(batch) > 1]
