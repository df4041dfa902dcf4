"""`StagedTraining`: what a method of a catalogue trains with: data, a budget, a recipe; in stages that each resume."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import nn

from leveret.errors import LeveretTrainingError, LeveretUsageError, SkewWarning
from leveret.training._augment import Augmentation
from leveret.training._checkpoints import has_damaged_checkpoint
from leveret.training._fit import fit

__all__ = ["StagedTraining"]


@dataclass
class StagedTraining:
    """Data, budget and recipe of a method's training; and what came of it.

    Args:
        data: from `leveret.load`.
        epochs: the budget, passes over the training part; a method of several stages splits it.
        seed: of everything random.
        out: folder for the stages' checkpoints, from which a run that was stopped goes on; None keeps nothing.
        batch_size, lr, augment: as for `fit`; methods scale `lr` to their needs.
        progress: show lines of `fit`.

    Attributes:
        history: rows of all stages' `FitResult.history`.
        spent: epochs that were trained, over all stages.
        diverged: a stage's loss or weights became infinite or NaN; its best finished epoch was kept.

    Raises:
        LeveretUsageError: `epochs` below 1.
    """

    usual_stage: ClassVar[str] = "tuning"

    data: Any
    epochs: int
    seed: int = 0
    out: Path | None = None
    batch_size: int = 128
    lr: float = 1e-3
    augment: Augmentation | None = None
    progress: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    spent: int = 0
    diverged: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise LeveretUsageError(f"a budget must be at least 1 epoch, got {self.epochs}")

    @property
    def usual(self) -> dict[str, Any]:
        """Options of `fit` that all stages share, where they don't say otherwise."""
        return {"optimizer": "adamw", "schedule": "cosine", "gradient_clip": 5.0}

    @property
    def options(self) -> dict[str, Any]:
        """Options of `fit` for every stage, but for its seed and epochs."""
        return {
            "batch_size": self.batch_size,
            "lr": self.lr,
            "augment": self.augment,
            # the rows are kept in the history; a log for TensorBoard of every stage would only be thrown away
            "trainer_args": {"logger": False},
            **self.usual,
        }

    def fit(
        self,
        net: nn.Module,
        epochs: int | None = None,
        *,
        data: Any = None,
        stage: str | None = None,
        **options: Any,
    ) -> nn.Module:
        """Train `net` in place, and give it back.

        Args:
            net: as for `leveret.fit`.
            epochs: of the budget; default all.
            data: in place of the method's own.
            stage: names its checkpoints; each of a method's stages needs its own. Default: `usual_stage`.
            options: for `leveret.fit`, in place of what is usual here.

        Raises:
            LeveretTrainingError: it diverged before an epoch was finished. Later, the best epoch is kept and
                `diverged` set.
            KeyboardInterrupt: Ctrl-C.
        """
        stage = stage or self.usual_stage
        where = None if self.out is None else self.out / stage
        usual = {"seed": self.seed, **self.options}
        options["trainer_args"] = {**usual["trainer_args"], **options.get("trainer_args", {})}
        # a kill may have cut a checkpoint short; its stage begins again
        resume = "auto" if where is not None and not has_damaged_checkpoint(where) else False
        try:
            with warnings.catch_warnings():
                # each stage would say so again; who chose a method for skewed data knows
                warnings.simplefilter("ignore", SkewWarning)
                result = fit(
                    net,
                    self.data if data is None else data,
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
        self.note(result.history)
        return net

    def note(self, history: list[dict[str, Any]]) -> None:
        """Count a stage's rows."""
        self.history += history
        self.spent += len(history)

    def split(self, *shares: float) -> list[int]:
        """The budget in whole epochs for each stage, about in proportion to `shares`; at least one each."""
        ends = np.round(np.cumsum(shares) / sum(shares) * self.epochs).astype(int)
        return [max(1, int(n)) for n in np.diff(ends, prepend=0)]
