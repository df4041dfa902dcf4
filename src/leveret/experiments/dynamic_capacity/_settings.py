"""What is trained on what: the datasets, and the schedule that all nets of one share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leveret.data import Data
from leveret.experiments._cells import cells
from leveret.experiments.dynamic_capacity._nets import Parts, large_parts, paper_parts
from leveret.experiments.dynamic_capacity._sources import cluttered_mnist, digits_on_streets
from leveret.training import Augment

__all__ = ["QUICK", "SETTINGS", "Setting"]


@dataclass(frozen=True)
class Setting:
    """A dataset, and how nets are trained on it.

    Attributes:
        title: for the page.
        data: makes the dataset for a seed, from the folder that the command names.
        parts: the nets.
        side: of an image, in pixels.
        methods: keys of `METHODS`, those to train.
        epochs, batch_size, lr, augment: of every training.
        fresh: images of an epoch where no image comes twice; None for a training part that comes whole in each.
        hint_weight: λ, found by short trainings on the validation part.
        seeds: how many, where the command doesn't say.
    """

    title: str
    data: Callable[[Path | None, int], Data]
    parts: Parts
    side: int
    methods: tuple[str, ...]
    epochs: int
    batch_size: int
    lr: float
    fresh: int | None = None
    augment: Augment | None = None
    hint_weight: float = 0.1
    seeds: int = 3

    def schedule(self) -> dict[str, Any]:
        """As arguments of `fit`."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "schedule": "one-cycle",
            "warmup": 0.1,
            "gradient_clip": 5.0,
            "augment": self.augment,
        }


_EPOCHS = 8
_FRESH = 20_000
_LARGE_EPOCHS = 6
_LARGE = 4_000  # fresh ones of an epoch

SETTINGS = {
    "mnist": Setting(
        title="Cluttered MNIST, 100x100",
        data=lambda folder, seed: cluttered_mnist(folder, _EPOCHS * _FRESH),
        parts=paper_parts(),
        side=100,
        methods=("fine", "hints", "joint", "coarse", "random", "variance", "edges"),
        epochs=_EPOCHS,
        fresh=_FRESH,
        batch_size=64,
        lr=0.003,
        hint_weight=0.01,
    ),
    "elpv": Setting(
        title="Solar cells, 300x300",
        data=lambda folder, seed: cells(300, seed, folder),
        parts=large_parts(2, stem=1, k=8),
        side=300,
        methods=("fine", "hints", "joint", "coarse", "random", "variance"),
        epochs=16,
        batch_size=32,
        lr=0.002,
        augment=Augment(flip=True),
        hint_weight=0.001,
    ),
    "streets": Setting(
        title="Digits on street scenes, 1000x1000",
        data=lambda folder, seed: digits_on_streets(folder, _LARGE_EPOCHS * _LARGE),
        parts=large_parts(10, stem=2, k=8),
        side=1000,
        methods=("fine", "hints", "joint", "coarse", "random", "variance"),
        epochs=_LARGE_EPOCHS,
        fresh=_LARGE,
        batch_size=8,
        lr=0.002,
        hint_weight=0.01,
        seeds=1,
    ),
}

_TINY: dict[str, Any] = {"epochs": 1, "batch_size": 32, "seeds": 1}
QUICK = {
    "mnist": replace(
        SETTINGS["mnist"],
        title="Digits in clutter, 100x100",
        data=lambda folder, seed: cluttered_mnist(folder, 192, val=32, test=64),
        fresh=192,
        **_TINY,
    ),
    "elpv": replace(
        SETTINGS["elpv"],
        title="Drawn solar cells, 100x100",
        data=lambda folder, seed: cells(100, seed, folder),
        side=100,
        **_TINY,
    ),
    "streets": replace(
        SETTINGS["streets"],
        title="Digits on drawn streets, 200x200",
        data=lambda folder, seed: digits_on_streets(folder, 96, val=32, test=64, canvas=200, mosaics=4),
        side=200,
        fresh=96,
        **_TINY,
    ),
}
