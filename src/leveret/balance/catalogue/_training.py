"""`BalancedTraining`: what a method of the catalogue trains with: the data, a fresh net, the same budget for all."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.training import StagedTraining

__all__ = ["BalancedTraining"]

_MOST_PASSES = 10


@dataclass
class BalancedTraining(StagedTraining):
    """Data, budget and recipe of a method's training; and what came of it. As `StagedTraining`, and

    The budget is counted in samples seen: `epochs` times the training part. A method that trains on fewer samples
    passes over them more often, so that none wins by a longer training alone. Members of ensembles have the budget's
    epochs each, over their own subset.

    Args:
        make_net: gives a fresh net, drawn with torch's seed of the moment; it must pickle for methods of many nets.
        recipe: options of `fit` in place of the usual ones: optimizer, schedule, weight_decay and the like;
            an objective, which methods that bring their own replace.
        plain: a net that was trained plainly on this data; methods which begin with one take a copy of it, and train
            one of their own where there is none.
        plain_epochs: that it was trained for; 0 where it is given as trained.
        workers: nets trained at once, by methods of many nets.
        threads: of torch in each of those.
    """

    usual_stage: ClassVar[str] = "training"

    make_net: Callable[[], nn.Module] | None = None
    recipe: dict[str, Any] | None = None
    plain: nn.Module | None = None
    workers: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.make_net is None:
            raise LeveretUsageError("make_net must be a function that gives a fresh net")

    @property
    def usual(self) -> dict[str, Any]:
        return super().usual | (self.recipe or {})

    @property
    def counts(self) -> NDArray[np.int64]:
        """Training samples of each class, `(num_classes,)`."""
        return np.asarray(self.data.train.class_counts())

    def fresh_net(self) -> nn.Module:
        """A net that hasn't learned anything, the same each time."""
        assert self.make_net is not None
        torch.manual_seed(self.seed)
        return self.make_net()

    def plain_net(self) -> nn.Module:
        """A copy of the plainly trained net; trained now if there is none yet."""
        if self.plain is None:
            self.plain = self.fit(self.fresh_net(), stage="plain")
        return copy.deepcopy(self.plain)

    def passes(self, samples: int, share: float = 1.0) -> int:
        """Epochs over `samples` that show a net `share` of the budget's samples; 1 to ten times `epochs`."""
        wanted = share * self.epochs * len(self.data.train) / max(samples, 1)
        return int(np.clip(round(wanted), 1, _MOST_PASSES * self.epochs))
