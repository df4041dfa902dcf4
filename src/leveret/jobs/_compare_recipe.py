"""How a comparison trains: which real net, for how long, and how long each method may tune it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from leveret.data import Data
from leveret.errors import LeveretUsageError
from leveret.jobs._described import described_augmentation, described_net
from leveret.nets import net_for
from leveret.training import Augment, FitResult, fit, has_damaged_checkpoint
from leveret.training._augment import Augmentation

__all__ = ["NETS", "CompareRecipe", "compare_recipe"]

NETS = ("convnet", "resnet20", "resnet18")

_SMALL = 4_000
_LARGE = 20_000


@dataclass(frozen=True)
class CompareRecipe:
    """Everything that a comparison decides for the user.

    Attributes:
        net: the real net, before its training.
        name: of the net: one of `NETS`, or a given net's class.
        epochs: of the real net; 0: it is taken as it is.
        tune_epochs: the budget of each method.
        batch_size, lr, tune_lr, augment: of training; `lr` is the real net's, `tune_lr` that of fine-tuning.
        own: the net is one of ours, trained as the main job trains its teacher.
        seed: of initial weights, order, augmentation.
    """

    net: nn.Module
    name: str
    epochs: int
    tune_epochs: int
    batch_size: int
    lr: float
    tune_lr: float
    augment: Augmentation | None
    own: bool
    seed: int

    def train(self, data: Data, out: Path, *, progress: bool) -> FitResult:
        """Train the real net; a run that `out` holds goes on, or is only loaded if it was finished."""
        net = copy.deepcopy(self.net)
        if self.epochs == 0:
            return FitResult(net)
        usual: dict[str, Any] = {"optimizer": "adamw", "schedule": "cosine", "weight_decay": 1e-4}
        if self.own:
            usual = {"optimizer": "sgd", "schedule": "one-cycle", "warmup": 0.2, "weight_decay": 5e-4}
        return fit(
            net,
            data,
            epochs=self.epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            augment=self.augment,
            gradient_clip=5.0,
            seed=self.seed,
            out=out,
            resume=False if has_damaged_checkpoint(out) else "auto",
            stage="real net",
            progress=progress,
            **usual,
        )

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        return {
            **described_net(self.net, self.name),
            "epochs": self.epochs,
            "tune_epochs": self.tune_epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "tune_lr": self.tune_lr,
            "augment": described_augmentation(self.augment),
        }


def compare_recipe(
    data: Data,
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    tune_epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    tune_lr: float | None = None,
    augment: Augmentation | Literal["auto"] | None = "auto",
    quick: bool = False,
    seed: int = 0,
) -> CompareRecipe:
    """The recipe for `data`; arguments as for `leveret.jobs.compare.run`.

    Raises:
        LeveretUsageError: texts instead of images, an unknown net, a number out of range, too few images.
    """
    if data.kind != "image":
        raise LeveretUsageError(f"{data.source} holds {data.kind}s; a comparison needs images")
    if len(data.train) < 2 * data.num_classes:
        raise LeveretUsageError(f"{len(data.train)} training images are too few for {data.num_classes} classes")
    given = net is not None and not isinstance(net, str)
    _check(epochs, tune_epochs, batch_size, lr, tune_lr, isinstance(net, nn.Module))
    images, (channels, height, width) = len(data.train), data.image_shape
    if epochs is None:
        epochs = (24 if channels == 3 else 10) if images >= _LARGE else 30
        epochs = max(2, epochs // 5) if quick else epochs
    if tune_epochs is None:
        tune_epochs = max(1, round(0.4 * epochs)) if epochs else 10
    small = images < _SMALL
    if augment == "auto":
        augment = Augment(flip=channels == 3, shift=max(1, min(round(min(height, width) / 15), 8)))
    made, name = _net(net, data, seed)
    return CompareRecipe(
        net=made,
        name=name,
        epochs=epochs,
        tune_epochs=tune_epochs,
        batch_size=batch_size or (32 if small else 128),
        lr=lr or (2e-3 if given else 0.05 if small else 0.1),
        tune_lr=tune_lr or 1e-3,
        augment=augment,
        own=not given,
        seed=seed,
    )


def _check(
    epochs: int | None,
    tune_epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    tune_lr: float | None,
    trained: bool,
) -> None:
    if epochs is not None and (epochs < 0 or (epochs == 0 and not trained)):
        raise LeveretUsageError(f"epochs must be at least 1, or 0 for a net that is given as trained; got {epochs}")
    if tune_epochs is not None and tune_epochs < 1:
        raise LeveretUsageError(f"tune_epochs must be at least 1, got {tune_epochs}")
    if batch_size is not None and batch_size < 2:
        raise LeveretUsageError(f"batch_size must be at least 2, got {batch_size}")
    for key, value in (("lr", lr), ("tune_lr", tune_lr)):
        if value is not None and not value > 0:
            raise LeveretUsageError(f"{key} must be above 0, got {value}")


def _net(net: Any, data: Data, seed: int) -> tuple[nn.Module, str]:
    torch.manual_seed(seed)
    if net is not None and not isinstance(net, str):
        made = copy.deepcopy(net) if isinstance(net, nn.Module) else net()
        if not isinstance(made, nn.Module):
            raise LeveretUsageError(f"net must be a torch.nn.Module or a function that gives one, got {net!r}")
        return made, type(made).__name__
    name = net or NETS[0]
    if name not in NETS:
        raise LeveretUsageError(f"net must be one of {', '.join(NETS)}, or a torch.nn.Module, got {name!r}")
    return net_for(data, name), name
