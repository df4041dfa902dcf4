"""Hard mining's over-fitting: training and test curves, without a guard, and with plain loss and a warm-up.

What is hardest is also what is labelled wrongly, so some of the frequent class's images get another label: as in any
data that people labelled, though there nobody knows which.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leveret.balance import HardMining
from leveret.data import Data, from_arrays, load
from leveret.experiments._datasets import source_of
from leveret.experiments.imbalance._nets import small_net
from leveret.training import Augment, CrossEntropy, Objective, fit

__all__ = ["FULL", "QUICK", "Setting", "mining"]

_WRONG = 0.1
_TOP = 0.2
_WHAT = (
    "{title}, {images:,} training images, a tenth of which have a label drawn from the other classes, as "
    "labels may be wrong in any data; all classes are mined (`per_class=False`)"
)


@dataclass(frozen=True)
class Setting:
    """How many, and how long.

    Attributes:
        title: of the data.
        images: to train on.
        epochs: of each training.
    """

    title: str = "Fashion-MNIST"
    images: int = 8000
    epochs: int = 20


FULL = Setting()
QUICK = Setting("Digits in the place of Fashion-MNIST", images=500, epochs=5)


def mining(data: Path | None, runs: Path, setting: Setting = FULL) -> dict[str, Any]:
    """Histories whose validation part is the test part, and what the objective says of itself.

    The net is trained to the end and no epoch is chosen, so that nothing is fitted to the test part.
    """
    mislabelled, wrong = _mislabelled(load(source_of("fashion", data)), setting.images)
    what = _WHAT.format(title=setting.title, images=setting.images)
    counts = mislabelled.train.class_counts()
    objectives: dict[str, Objective] = {
        "plain": CrossEntropy(),
        "unguarded": HardMining(counts, top=_TOP, mix=0.0, warmup=0, per_class=False),
        "guarded": HardMining(counts, top=_TOP, mix=0.5, warmup=3, per_class=False),
    }
    found: dict[str, Any] = {}
    for key, objective in objectives.items():
        torch.manual_seed(0)
        result = fit(
            small_net("fashion")(),
            mislabelled,
            objective=objective,
            epochs=setting.epochs,
            batch_size=64,
            optimizer="sgd",
            lr=0.05,
            schedule="one-cycle",
            warmup=0.2,
            weight_decay=5e-4,
            augment=Augment(flip=True, shift=1),
            gradient_clip=5.0,
            keep_best=False,
            out=runs / key,
            stage=key,
            trainer_args={"logger": False},
        )
        found[key] = {"history": result.history}
        if isinstance(objective, HardMining):
            said = objective.diagnosis(result.history)
            found[key]["diagnosis"] = said.as_dict()
            found[key]["wrong_of_picked"] = float(np.mean([wrong[place] for place in said.picked]))
    return {"what": what, "epochs": setting.epochs, "top": _TOP, "wrong": _WRONG, "runs": found}


def _mislabelled(data: Data, images: int = FULL.images) -> tuple[Data, Any]:
    """Some training images, a share of them with a wrong label, and which; the test part is right, and validates."""
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.permutation(len(data.train))[:images])
    labels = data.train.labels[chosen]
    wrong = generator.random(len(chosen)) < _WRONG
    others = (labels + generator.integers(1, data.num_classes, len(chosen))) % data.num_classes
    labels = np.where(wrong, others, labels)
    test = data.test.fetch(np.arange(len(data.test))), data.test.labels
    made = from_arrays(
        data.train.fetch(chosen), labels, x_val=test[0], y_val=test[1], classes=data.classes, name=data.name
    )
    return made, wrong
