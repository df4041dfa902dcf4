"""How `leveret fit` and a comparison of balance methods train: which net, for how long, with what."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.data import Sampler

from leveret.capacity import Hinted
from leveret.data import Data
from leveret.errors import LeveretUsageError
from leveret.jobs._checks import check_training
from leveret.jobs._described import described_augmentation, described_net
from leveret.jobs._given_net import maker_of
from leveret.jobs._named_net import DYNAMIC, is_dynamic, named_net
from leveret.jobs._text_net import TextMaker, known_vectors, text_maker
from leveret.training import Augment, Objective
from leveret.training._augment import Augmentation

__all__ = ["FitRecipe", "fit_recipe"]

HINT_WEIGHT = 0.01  # λ, where none is asked for

TEXT_CONV = "text-conv"

_TEXT_BATCH = 50
_TEXT_STEPS = 1_100
_SMALL = 4_000
_LARGE = 20_000


@dataclass(frozen=True)
class FitRecipe:
    """Everything that a training decides for the user.

    Attributes:
        make_net: gives the net, fresh, drawn with torch's seed of the moment.
        name: of the net: one that `nets.net_for` knows, or a given net's class.
        epochs, batch_size, lr, augment: as for `fit`.
        options: further options of `fit`.
        seed: of everything random.
        objective: in place of cross-entropy, where the net has one of its own.
        named: the net is known by its name.
        patches: asked for of such a net.
        ruled: the objective teaches rules.
        sampler: of the training part, where it isn't shuffled.
    """

    make_net: Callable[[], nn.Module]
    name: str
    epochs: int
    batch_size: int
    lr: float
    augment: Augmentation | None
    options: dict[str, Any]
    seed: int
    objective: Objective | None = None
    named: bool = False
    patches: int | None = None
    ruled: bool = False
    sampler: Sampler[int] | None = None

    @property
    def fit_options(self) -> dict[str, Any]:
        """All that methods hand on to `fit`."""
        own = {"objective": self.objective, "sampler": self.sampler}
        return {**self.options, **{name: value for name, value in own.items() if value is not None}}

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        torch.manual_seed(self.seed)
        return {
            **described_net(self.make_net(), self.name),
            **(self.make_net.describe() if isinstance(self.make_net, TextMaker) else {}),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "augment": described_augmentation(self.augment),
            **self.options,
            **({} if self.objective is None else {"objective": repr(self.objective)}),
            **({} if self.patches is None else {"patches": self.patches}),
        }


def fit_recipe(
    data: Data,
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    augment: Augmentation | Literal["auto"] | None = "auto",
    flip: bool | None = None,
    quick: bool = False,
    seed: int = 0,
    patches: int | None = None,
    hint_weight: float | None = None,
    vectors: str | os.PathLike[str] | None = None,
) -> FitRecipe:
    """The recipe for `data`; arguments as for `leveret.jobs.fit.run`.

    Raises:
        LeveretUsageError: an unknown net, a number out of range, too few samples, options of a net that isn't
            asked for.
    """
    check_training(epochs=epochs, batch_size=batch_size, lr=lr)
    if patches is not None and patches < 0:
        raise LeveretUsageError(f"patches must be at least 0, got {patches}")
    if len(data.train) < 2 * data.num_classes:
        raise LeveretUsageError(f"{len(data.train)} training samples are too few for {data.num_classes} classes")
    samples, images = len(data.train), data.kind == "image"
    small = samples < _SMALL
    _check_text(data, net, vectors)
    if net is None and data.kind == "text":
        net = TEXT_CONV
    if epochs is None and net == TEXT_CONV:
        epochs = int(min(40, max(4, _TEXT_STEPS * _TEXT_BATCH // samples)))
        epochs = max(2, epochs // 5) if quick else epochs
    if epochs is None:
        epochs = (24 if images and data.image_shape[0] == 3 else 10) if samples >= _LARGE else 30
        epochs = max(2, epochs // 5) if quick else epochs
    if augment == "auto":
        augment = _augment(data, flip) if images else None
    given = isinstance(net, nn.Module) or callable(net)
    make, name = _maker(net, data, patches, vectors)
    objective = _own_objective(make, net, patches, hint_weight)
    convolutional = images and not given and objective is None
    usual = {"optimizer": "adamw", "schedule": "cosine", "weight_decay": 1e-4}
    rate = 2e-3
    if convolutional:
        usual = {"optimizer": "sgd", "schedule": "one-cycle", "warmup": 0.2, "weight_decay": 5e-4}
        rate = 0.05 if small else 0.1
    elif net == TEXT_CONV:  # as Kim trained it, but for the rate's fall
        usual = {"optimizer": "adadelta", "schedule": "cosine", "warmup": 0.0, "weight_decay": 0.0}
        rate = 1.0
        batch_size = batch_size or _TEXT_BATCH
    elif net == DYNAMIC:  # no norms: their statistics would be those of the chosen patches
        usual |= {"schedule": "one-cycle", "warmup": 0.2}
        rate = 4e-3
        batch_size = batch_size or (32 if small else 64)
    return FitRecipe(
        make_net=make,
        name=name,
        epochs=epochs,
        batch_size=batch_size or (32 if small else 128),
        lr=lr or rate,
        augment=augment,
        options=usual,
        seed=seed,
        objective=objective,
        named=not given,
        patches=patches,
    )


def _augment(data: Data, flip: bool | None) -> Augment:
    channels, height, width = data.image_shape
    shift = max(1, min(round(min(height, width) / 15), 8))
    return Augment(flip=channels == 3 if flip is None else flip, shift=shift)


def _own_objective(
    make: Callable[[], nn.Module], net: Any, patches: int | None, hint_weight: float | None
) -> Objective | None:
    """What a dynamic capacity net is trained with; None for others, which take no options of one."""
    if is_dynamic(make()):
        if patches is not None and net != DYNAMIC:
            raise LeveretUsageError("the net that is given has a number of patches already, its k; leave out patches")
        return Hinted(HINT_WEIGHT if hint_weight is None else hint_weight)
    for name, value in (("patches", patches), ("hint_weight", hint_weight)):
        if value is not None:
            raise LeveretUsageError(f"{name} is an option of the net {DYNAMIC!r} alone, which looks closer at parts")
    return None


def _check_text(data: Data, net: Any, vectors: Any) -> None:
    """Raise where vectors are given for what has no words, or for a net that brings its own."""
    if vectors is None:
        return
    if data.kind != "text":
        raise LeveretUsageError(f"vectors are of words, and {data.source} holds {data.kind}s")
    if net not in (None, TEXT_CONV):
        raise LeveretUsageError(f"vectors are an option of the net {TEXT_CONV!r} alone")


def _maker(net: Any, data: Data, patches: int | None, vectors: Any) -> tuple[Callable[[], nn.Module], str]:
    if (given := maker_of(net)) is not None:
        return given
    if net == TEXT_CONV and data.kind == "text":
        return text_maker(data, known_vectors(vectors)), TEXT_CONV
    make = functools.partial(named_net, data, net, patches)
    return make, net or type(make()).__name__.lower()
