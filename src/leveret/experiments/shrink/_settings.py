"""How large and how long all parts are: those of the papers, and those of a quick run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from leveret.experiments.shrink import deep, ensemble, hashed, methods, obs
from leveret.experiments.shrink._nets import lenet5, lenet300, normed_perceptron, perceptron

__all__ = ["QUICK", "Settings", "full"]


@dataclass(frozen=True)
class Settings:
    """Of all parts.

    Attributes:
        deep, obs, hashed, methods, ensemble: as the files of these names have them.
        seeds: of the ensemble, where the command doesn't say.
    """

    deep: Mapping[str, deep.Recipe]
    obs: Mapping[str, obs.Curve]
    hashed: hashed.Setting
    methods: Mapping[str, methods.Setting]
    ensemble: ensemble.Setting
    seeds: int


def full() -> Settings:
    """Those of the page."""
    return Settings(deep.RECIPES, obs.NETS, hashed.SETTING, methods.SETTINGS, ensemble.SETTING, seeds=3)


_TINY: dict[str, Any] = {"epochs": 1, "tune_epochs": 1}

QUICK = Settings(
    deep={
        "lenet300": deep.Recipe(lenet300, 0.5, 0.0, 1, 2, 1, (0.8,), (3,)),
        "lenet5": deep.Recipe(lenet5, 0.5, 0.0, 1, 2, 1, (0.8,), (3,)),
    },
    obs={
        "perceptron": obs.Curve(
            lambda seed: perceptron(49, 6, 10, seed=seed), "49-6-10 at 7x7 pixels", 3, (0.3, 0.6), 100, (0.1, 1.0)
        ),
        "lenet300": obs.Curve(
            lambda seed: perceptron(784, 20, 10, seed=seed), "784-20-10, a matrix a row", 3, (0.5, 0.8), 100, (0.1,)
        ),
    },
    hashed=hashed.Setting(hidden=32, ratios=(8,), epochs=2),
    methods={
        "mnist": replace(
            methods.SETTINGS["mnist"],
            net=partial(normed_perceptron, 784, 32, 32, 10),
            what="784-32-32-10 with BatchNorm",
            keys=("ternary", "binaryconnect", "xnor", "ebp"),
            options={"ebp": {"hidden": (8,), "batch_size": 10}},
            **_TINY,
        ),
        "cifar": replace(methods.SETTINGS["cifar"], keys=("ternary", "bwn", "xnor"), **_TINY),
    },
    ensemble=ensemble.Setting(most=2, last=8, ladder=(8, 11, 16), epochs=1, batch_size=64, lr=1e-2, seconds=0.3),
    seeds=1,
)
