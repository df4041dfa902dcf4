"""Nets of few bits beside their papers: `leveret compare` with those of its methods, on the papers' datasets.

What is measured is so what the catalogue gives to anyone: one real net, retrained into each kind with the same number
of epochs. Errors, bytes and times are those of the packed files. A comparison that was finished is only read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from leveret._threads import default_threads
from leveret.experiments.shrink._nets import normed_perceptron
from leveret.jobs import compare
from leveret.nets import ConvNet
from leveret.training import Augment

__all__ = ["SETTINGS", "Setting", "methods"]

_KEYS = ("ternary", "binaryconnect", "binaryconnect-stochastic", "binarynet", "bwn", "xnor")


@dataclass(frozen=True)
class Setting:
    """One dataset's.

    Attributes:
        net: makes the real net.
        what: it is.
        epochs, tune_epochs: of the real net and of each method.
        augment: of all trainings.
        keys: of the methods.
        options: of methods, where they aren't the catalogue's own.
    """

    net: Callable[[], nn.Module]
    what: str
    epochs: int
    tune_epochs: int
    augment: Augment
    keys: tuple[str, ...] = _KEYS
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _convnet() -> nn.Module:
    torch.manual_seed(0)
    return ConvNet(3, 10, depth=6, widths=(32, 64, 128), stem_pool=True)


SETTINGS = {
    "mnist": Setting(
        lambda: normed_perceptron(784, 512, 512, 512, 10),
        "784-512-512-512-10 with BatchNorm",
        10,
        10,
        Augment(shift=1),
        keys=(*_KEYS, "ebp"),
        options={"ebp": {"hidden": (500,), "batch_size": 10}},
    ),
    "cifar": Setting(
        _convnet,
        "ConvNet of 6 convolutions, widths 32, 64, 128, halved in the stem",
        10,
        8,
        Augment(flip=True, shift=2),
    ),
}


def methods(name: str, data: Any, runs: Path, settings: Mapping[str, Setting] = SETTINGS) -> dict[str, Any]:
    """Compare them on one dataset: rows of name, error, bytes, ms and more, the real net's first."""
    setting = settings[name]
    result = compare.run(
        data,
        runs,
        methods=setting.keys,
        net=setting.net,
        epochs=setting.epochs,
        tune_epochs=setting.tune_epochs,
        augment=setting.augment,
        options=setting.options,
        resume=True,
        workers=default_threads(),
        threads=1,
    )
    found = {row["key"]: row for row in result.rows}
    rows = [_row(name, found[key]) for key in ("real", *setting.keys)]
    training = result.metrics["training"]["seconds"]
    return {
        "what": setting.what,
        "noise": result.metrics["timing_noise"],
        "real_epochs": setting.epochs,
        "seconds": training + sum(row["seconds"] for row in result.rows),
        "rows": rows,
    }


def _row(dataset: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": row["key"],
        "name": row["title"],
        "paper": row["paper"],
        "dataset": dataset,
        "error": 1 - row["accuracy"],
        "bytes": row["bytes"],
        "ms": row["ms_per_image"],
        "agreement": row["agreement"],
        "epochs": row["epochs"],
    }
