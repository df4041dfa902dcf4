"""How `leveret fit --task tag` trains: which net, for how long, with what."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler

from leveret.data import TaggingData
from leveret.errors import LeveretUsageError
from leveret.jobs._checks import check_training
from leveret.jobs._described import described_net
from leveret.jobs._given_net import maker_of
from leveret.jobs._rules import RuleOptions, labelled_sampler, rule_objective
from leveret.jobs._text_net import TextMaker, known_vectors, text_maker
from leveret.training import Objective

__all__ = ["NETS", "TagRecipe", "tag_recipe"]

NETS = ("tagger",)
_BATCH = 16
_STEPS = 3_000


@dataclass(frozen=True)
class TagRecipe:
    """Everything that a training decides for the user.

    Attributes:
        make_net: gives the net, fresh, drawn with torch's seed of the moment.
        name: of the net: "tagger", or a given net's class.
        epochs, batch_size, lr: as for `fit`.
        options: further options of `fit`.
        seed: of everything random.
        objective: that teaches rules, in place of the likelihood of the tags.
        sampler: of the training part, where it isn't shuffled.
    """

    make_net: Callable[[], nn.Module]
    name: str
    epochs: int
    batch_size: int
    lr: float
    options: dict[str, Any]
    seed: int
    objective: Objective | None = None
    sampler: Sampler[int] | None = None

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        torch.manual_seed(self.seed)
        return {
            **described_net(self.make_net(), self.name),
            **(self.make_net.describe() if isinstance(self.make_net, TextMaker) else {}),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            **self.options,
            **({} if self.objective is None else {"objective": repr(self.objective)}),
        }


def tag_recipe(
    data: TaggingData,
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    vectors: str | os.PathLike[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    rules: RuleOptions | None = None,
) -> TagRecipe:
    """The recipe for `data`; arguments as for `leveret.jobs.tag.run`.

    Raises:
        LeveretUsageError: an unknown net, a number out of range, too few sentences, vectors for a net that is given;
            rules for one without a chain of tags.
        LeveretDataError: a damaged file of vectors, or vectors of none of the words.
        LeveretError: rules that can't be used.
    """
    check_training(epochs=epochs, batch_size=batch_size, lr=lr)
    if len(data.train) < 2:
        raise LeveretUsageError(f"training needs at least 2 sentences, the training part has {len(data.train)}")
    if epochs is None:
        epochs = int(min(40, max(4, _STEPS * _BATCH // len(data.train))))
        epochs = max(2, epochs // 5) if quick else epochs
    make: Callable[[], nn.Module]
    if (given := maker_of(net)) is not None:
        if vectors is not None:
            raise LeveretUsageError("vectors are an option of the net 'tagger' alone; a given net brings its own")
        make, name = given
        options = {"optimizer": "adamw", "schedule": "cosine", "weight_decay": 1e-4}
        rate = 2e-3
    else:
        name = NETS[0] if net is None else str(net)
        if name not in NETS:
            raise LeveretUsageError(f"a net for sentences with tags must be one of {', '.join(NETS)}, got {net!r}")
        make = text_maker(data, known_vectors(vectors))
        options = {"optimizer": "adadelta", "schedule": "cosine", "warmup": 0.0, "weight_decay": 0.0}
        rate = 1.0
    objective = sampler = None
    if rules is not None and rules.file is not None:
        if not hasattr(make(), "crf"):
            raise LeveretUsageError(f"rules of tags teach a net with a chain of tags, its crf; {name} has none")
        objective = rule_objective(rules, data)
        sampler = labelled_sampler(np.where(data.train.labelled, 0, -100), seed)
    return TagRecipe(make, name, epochs, batch_size or _BATCH, lr or rate, options, seed, objective, sampler)
