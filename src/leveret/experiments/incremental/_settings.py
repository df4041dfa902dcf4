"""The experiment's datasets, nets and trainings: small, so that all of it takes about an hour of one core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from leveret.data import Data, Split, load
from leveret.experiments._datasets import source_of
from leveret.grow import BranchRule, GrowRecipe
from leveret.nets import ConvNet
from leveret.training import Augment

__all__ = ["METHODS", "SETTINGS", "Setting", "data_of"]

# key -> title, and what it trains on of the old classes
METHODS: Mapping[str, tuple[str, str]] = {
    "scratch": ("trained anew", "all"),
    "tree": ("tree", "all"),
    "random": ("tree, random partition", "all"),
    "flat": ("flat only", "all"),
    "replay": ("replay", "memory"),
    "lwf": ("learning without forgetting", "none"),
    "fine-tune": ("fine-tuning only", "none"),
}


@dataclass(frozen=True)
class Setting:
    """A dataset's trainings.

    Attributes:
        part, title: key and name of the dataset.
        steps: classes that come together, in order.
        each: training samples of a class.
        epochs: of training anew, and of the first net.
        branch_epochs, leaf_epochs: of growing; what grows flat has both together.
        batch_size, lr: of training anew; a growth takes half of both, since its steps are few.
        new_rate: of samples of new classes to old ones, in growths on all old data.
        max_classes: of a leaf; one that would have more branches into two groups.
        budget: samples of the replay's memory.
        blend: how much a branch's own say counts within a group; it costs nothing, and the paper has 0.
        make_net: gives a net with so many outputs.
    """

    part: str
    title: str
    steps: tuple[int, ...]
    each: int
    epochs: int
    branch_epochs: int
    leaf_epochs: int
    make_net: Callable[[int], nn.Module]
    seeds: int = 3
    batch_size: int = 64
    lr: float = 0.1
    new_rate: float = 2.0
    max_classes: int = 6
    budget: int = 1000
    blend: float = 0.5

    @property
    def augment(self) -> Augment:
        return Augment(flip=True, shift=2)

    @property
    def options(self) -> dict[str, object]:
        """Of every training."""
        return {"optimizer": "sgd", "schedule": "one-cycle", "warmup": 0.2, "weight_decay": 5e-4}

    @property
    def rule(self) -> BranchRule:
        return BranchRule(max_classes=self.max_classes, max_error=1.0)

    def recipe(self, *, distillation: float = 0.0, balance: str = "plain") -> GrowRecipe:
        """Of a growth."""
        return GrowRecipe(
            branch_epochs=self.branch_epochs,
            leaf_epochs=self.leaf_epochs,
            batch_size=self.batch_size // 2,
            lr=self.lr / 2,
            augment=self.augment,
            distillation=distillation,
            balance=balance,
            new_rate=self.new_rate,
            settled=0.02,
            options=dict(self.options),
        )


def _net(channels: int, classes: int) -> nn.Module:
    return ConvNet(channels, classes, depth=5, widths=(16, 32, 64), stem_pool=True)


SETTINGS: Mapping[str, Setting] = {
    "fashion": Setting("fashion", "Fashion-MNIST", (4, 3, 3), 2000, 13, 4, 1, partial(_net, 1)),
    "cifar": Setting("cifar", "CIFAR-10 (JPEG)", (4, 2, 2, 2), 2000, 16, 5, 1, partial(_net, 3)),
}


def data_of(setting: Setting, data: Path | None, seed: int) -> Data:
    """The dataset with `setting.each` training samples of a class, and a tenth as many to validate."""
    whole = load(source_of(setting.part, data), seed=seed)
    generator = np.random.default_rng(seed)
    train, val = _cut(whole.train, setting.each, generator), _cut(whole.val, setting.each // 10, generator)
    return replace(whole, train=train, val=val)


def _cut(split: Split, each: int, generator: np.random.Generator) -> Split:
    rows = [generator.permutation(np.flatnonzero(split.labels == c))[:each] for c in range(split.num_classes)]
    return split.subset(np.sort(np.concatenate(rows)))
