"""One training: a method on a dataset with a seed, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler

from leveret.capacity import (
    CoarseConfidence,
    DynamicCapacityNet,
    Edges,
    Hinted,
    LearnedAttention,
    LocalVariance,
    RandomPlaces,
)
from leveret.data import Data
from leveret.experiments.dynamic_capacity._nets import dynamic, whole
from leveret.experiments.dynamic_capacity._outcome import outcome
from leveret.experiments.dynamic_capacity._settings import Setting
from leveret.training import CrossEntropy, Objective, Task, fit, load_weights

__all__ = ["METHODS", "Fresh", "Method", "Training"]


@dataclass(frozen=True)
class Method:
    """A row of a table.

    Attributes:
        title: for the page.
        make: the net for a setting.
        hints: whether coarse vectors learn to be like fine ones.
        gradient: whether its selector asks for a gradient.
    """

    title: str
    make: Callable[[Setting], nn.Module]
    hints: bool = False
    gradient: bool = True

    def objective(self, setting: Setting, net: nn.Module) -> Objective:
        if isinstance(net, DynamicCapacityNet):
            return Hinted(setting.hint_weight if self.hints else 0.0)
        return CrossEntropy()


def _attention(setting: Setting) -> LearnedAttention:
    return LearnedAttention(setting.parts.channels, setting.parts.num_classes)


METHODS = {
    "coarse": Method("coarse alone", lambda s: whole(s.parts, "coarse")),
    "fine": Method("fine everywhere", lambda s: whole(s.parts, "fine")),
    "joint": Method("DCN, no hints", lambda s: dynamic(s.parts)),
    "hints": Method("DCN with hints", lambda s: dynamic(s.parts), hints=True),
    "random": Method("random places, hints", lambda s: dynamic(s.parts, RandomPlaces()), hints=True, gradient=False),
    "variance": Method(
        "local variance, hints", lambda s: dynamic(s.parts, LocalVariance()), hints=True, gradient=False
    ),
    "edges": Method("edges, hints", lambda s: dynamic(s.parts, Edges()), hints=True, gradient=False),
    "confidence": Method("coarse confidence, hints", lambda s: dynamic(s.parts, CoarseConfidence()), hints=True),
    "attention": Method(
        "learned attention, hints", lambda s: dynamic(s.parts, _attention(s)), hints=True, gradient=False
    ),
}


class Fresh(Sampler[int]):
    """Each epoch the next stretch of a training part, in random order: no image comes twice."""

    def __init__(self, images: int, seed: int) -> None:
        self.images, self.seed, self.epoch = images, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.images

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.images)
        return iter((self.epoch * self.images + order).tolist())


@dataclass(frozen=True)
class Training(Task):
    """Trains a method's net, keeps its last weights, and tests it.

    Attributes:
        setting, method: what.
        seed: of weights, order and augmentation.
    """

    setting: Setting
    method: str
    seed: int

    def work(self, *shared: Any) -> dict[str, Any]:
        data: Data = shared[0]
        net, objective = self.made()
        fresh = self.setting.fresh
        result = fit(
            net,
            data,
            objective=objective,
            seed=self.seed,
            sampler=None if fresh is None else Fresh(fresh, self.seed),
            keep_best=False,
            out=self.folder,
            stage=self.key,
            trainer_args={"logger": False},
            **self.setting.schedule(),
        )
        if result.interrupted:  # else half a training would count as a whole one
            raise KeyboardInterrupt
        return {
            "history": result.history,
            "training_seconds": sum(row["seconds"] for row in result.history),
            **outcome(net, data),
        }

    def made(self) -> tuple[nn.Module, Objective]:
        """The net before training, and what it is trained with."""
        torch.manual_seed(self.seed)
        method = METHODS[self.method]
        net = method.make(self.setting)
        return net, method.objective(self.setting, net)

    def trained(self) -> Any:
        """The net as it was when it was finished."""
        net, _ = self.made()
        load_weights(net, self.folder / "last.ckpt")
        return net.eval()
