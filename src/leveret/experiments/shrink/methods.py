"""Nets of few bits beside their papers: one real net is trained, and retrained into each kind.

Every kind gets the same number of epochs more, learning from the labels and from the real net's logits, half and half.
Errors, bytes and times are those of the packed files; times are taken in turns in one run, an image at a time, on one
thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret._files import replacing
from leveret.experiments.shrink._measure import error_of, milliseconds, saved
from leveret.experiments.shrink._nets import normed_perceptron
from leveret.experiments.shrink._recipes import RECIPES
from leveret.experiments.shrink._stages import Stage, finished, read, trained
from leveret.nets import ConvNet
from leveret.shrink.binary import reestimate_norms
from leveret.training import Augment, Distillation, logits_of

__all__ = ["SETTINGS", "Setting", "methods"]


@dataclass(frozen=True)
class Setting:
    """One dataset's.

    Attributes:
        net: makes the real net, from a seed.
        what: it is.
        epochs, tuning_epochs: of the real net and of each other.
        augment: of all trainings.
        every: whether ternary nets have no real layer.
        believing: hidden neurons, epochs and batch size of Expectation Backpropagation; none where it doesn't serve.
        batch_size: of all trainings.
    """

    net: Callable[[int], nn.Module]
    what: str
    epochs: int
    tuning_epochs: int
    augment: Augment
    every: bool
    believing: tuple[tuple[int, ...], int, int] | None = None
    batch_size: int = 128
    keys: tuple[str, ...] = field(default_factory=lambda: tuple(RECIPES))


def _perceptron(seed: int) -> nn.Module:
    return normed_perceptron(784, 512, 512, 512, 10, seed=seed)


def _convnet(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return ConvNet(3, 10, depth=6, widths=(32, 64, 128), stem_pool=True)


SETTINGS = {
    "mnist": Setting(
        _perceptron,
        "784-512-512-512-10 with BatchNorm",
        10,
        10,
        Augment(shift=1),
        every=True,
        believing=((500,), 20, 10),
    ),
    "cifar": Setting(
        _convnet,
        "ConvNet of 6 convolutions, widths 32, 64, 128, halved in the stem",
        8,
        4,
        Augment(flip=True, shift=2),
        every=False,
    ),
}


def methods(name: str, data: Any, runs: Path, only: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Train what isn't trained yet, then measure all: rows of title, error, bytes, ms and more."""
    setting = SETTINGS[name]
    learning = {"augment": setting.augment, "batch_size": setting.batch_size}
    real = trained(setting.net(0), data, runs / "real", epochs=setting.epochs, **learning)
    found: dict[str, tuple[str, str, Stage]] = {"real": ("the real net", "", real)}
    for key in only or setting.keys:
        recipe = RECIPES[key]
        stage = _retrained(key, setting, real.net, data, runs, learning)
        found[key] = (recipe.title, recipe.paper, stage)
    if setting.believing is not None:
        found["ebp"] = ("Expectation Backpropagation", "Soudry et al., 2014", _believed(setting, data, runs / "ebp"))
    packed = {key: saved(stage.net, data, runs / f"{key}.lvr") for key, (_, _, stage) in found.items()}
    times, noise = milliseconds({key: model for key, (model, _) in packed.items()}, data)
    rows = [
        {
            "key": key,
            "name": title,
            "paper": paper,
            "dataset": name,
            "error": error_of(packed[key][0], data),
            "bytes": packed[key][1],
            "ms": times[key],
            "torch_error": error_of(stage.net, data),
            "epochs": stage.epochs,
            "seconds": stage.seconds,
        }
        for key, (title, paper, stage) in found.items()
    ]
    return {"what": setting.what, "noise": noise, "rows": rows}


def _retrained(key: str, setting: Setting, real: nn.Module, data: Any, runs: Path, learning: dict[str, Any]) -> Stage:
    recipe = RECIPES[key]
    some = np.random.default_rng(0).permutation(len(data.train))[:1024]
    inputs = torch.from_numpy(data.normalization.apply(data.train.fetch(some)))
    stage = trained(
        recipe.make(real, list(inputs.split(128)), setting.every),
        data,
        runs / key,
        epochs=setting.tuning_epochs,
        lr=recipe.lr,
        objective=Distillation(_stored_logits(real, data, runs / "logits.pt"), hard_weight=0.5),
        weight_decay=0.0,
        keep_best=not recipe.drawn,
        **learning,
    )
    if recipe.drawn:
        reestimate_norms(stage.net, inputs.split(128))
    return stage


def _stored_logits(real: nn.Module, data: Any, path: Path) -> Tensor:
    """The real net's logits of the training part, found once."""
    if not path.exists():
        with replacing(path) as temporary:
            torch.save(logits_of(real, data, "train"), temporary)
    return torch.load(path, weights_only=True)


def _believed(setting: Setting, data: Any, folder: Path) -> Stage:
    """Expectation Backpropagation's net: its own learner, without the real one and without gradients."""
    from leveret.shrink.expectation import ExpectationBackpropagation

    assert setting.believing is not None
    hidden, epochs, batch_size = setting.believing
    path = folder / "net.pt"
    if not path.exists():
        start = time.perf_counter()
        learner = ExpectationBackpropagation(hidden, epochs=epochs, batch_size=batch_size)
        net = learner.fit(_flat(data, "train"), data.train.labels).to_net()
        seconds = time.perf_counter() - start
        with replacing(path) as temporary:
            torch.save(net, temporary)
        finished(folder, seconds, epochs, error_of(net, data, "val"))
    return Stage(torch.load(path, weights_only=False), **read(folder))


def _flat(data: Any, part: str) -> Any:
    split = getattr(data, part)
    return data.normalization.apply(split.fetch(np.arange(len(split)))).reshape(len(split), -1)
