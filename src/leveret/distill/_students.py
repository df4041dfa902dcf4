"""Students: shallow nets that learn from a transfer set, or the same nets from the labels, their training searched."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import nn

from leveret.distill._candidate import load_net
from leveret.distill._candidates import begin, check_search, search_identity, train_candidates
from leveret.distill._search import Search, StudySampler
from leveret.distill._start import standard_start
from leveret.distill._transfer import TransferSet
from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.nets import Links, ShallowNet
from leveret.training import Augment, CrossEntropy

__all__ = ["ShallowStudents", "Student", "train_student"]

Form = Literal["logits", "temperature"]


@dataclass(frozen=True)
class ShallowStudents:
    """`ShallowNet`s of one kind and size, by Adam, from whatever data they are given.

    From a `TransferSet` a student learns the softened probabilities (Hinton et al., 2015), or, as in the paper, by L2
    on the standardised logits (Urban et al., section 2.2). The former is the default: small students gain by it
    against the labels where by L2 they don't (docs/results/deep-vs-shallow.md, objectives). From data of `leveret.load`
    it learns the labels. What is searched: learning rate, weight decay and dropout, and at a temperature that. The
    paper searches momentum and initial scales too; Adam and BatchNorm leave little to find there.

    Attributes:
        conv_layers: 0 to 4.
        params: of the net, in all.
        links: within each hidden layer, see `leveret.nets.Links`; None for none.
        epochs: passes over the data.
        form: "temperature" or "logits".
        temperature: the first to try, of form "temperature".
        hard_weight: share of the cross-entropy with the labels, in [0, 1]; 1 learns the labels alone, from the same
            views as the others.
        batch_size: samples a step.
        augment: of images, where labels are learned; a transfer set holds views already.
        start: hyper-parameters to try first; none: ones that usually do.
    """

    conv_layers: int
    params: int
    links: Links | None = None
    epochs: int = 5
    form: Form = "temperature"
    temperature: float = 1.0
    hard_weight: float = 0.0
    batch_size: int = 128
    augment: Augment | None = None
    start: tuple[dict[str, Any], ...] = ()

    @property
    def first(self) -> tuple[dict[str, Any], ...]:
        """Hyper-parameters to try before any others."""
        if self.start:
            return self.start
        usual = {"lr": 4e-3, "weight_decay": 1e-4, "dropout": 0.0}
        return ({**usual, "temperature": self.temperature} if self._softened else usual,)

    @property
    def _softened(self) -> bool:
        return self.form == "temperature" and self.hard_weight < 1

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Hyper-parameters of a trial of Optuna's."""
        params = {
            "lr": trial.suggest_float("lr", 5e-4, 1.6e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.4),
        }
        if self._softened:
            params["temperature"] = trial.suggest_float("temperature", 1.0, 10.0, log=True)
        return params

    def net(self, params: dict[str, Any], data: Any) -> nn.Module:
        """A student of these hyper-parameters for the data."""
        channels, height, width = data.image_shape
        net = ShallowNet(
            channels,
            (height, width),
            data.num_classes,
            self.conv_layers,
            params=self.params,
            dropout=params["dropout"],
            lateral=self.links,
        )
        if isinstance(data, TransferSet) and self.form == "logits" and self.hard_weight < 1:
            standard_start(net.classifier, data.mean, data.std)
        return net

    def settings(self, params: dict[str, Any], data: Any) -> dict[str, Any]:
        """Options of `fit` for it, its objective among them."""
        common = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": "adamw",
            "lr": params["lr"],
            "weight_decay": params["weight_decay"],
            "schedule": "cosine",
            "warmup": 0.05,
            "gradient_clip": 5.0,
        }
        if not isinstance(data, TransferSet):
            return {**common, "objective": CrossEntropy(), "augment": self.augment}
        if self.hard_weight == 1:
            return {**common, "objective": CrossEntropy()}
        objective = data.objective(self.form, temperature=params.get("temperature", 1.0), hard_weight=self.hard_weight)
        return {**common, "objective": objective}

    def describe(self) -> dict[str, Any]:
        """What the search is, for JSON: by it, a later run knows its own."""
        return {"search": "ShallowStudents", **asdict(self)}


@dataclass(frozen=True)
class Student:
    """The best of a search.

    Attributes:
        net: trained, in eval mode.
        result: of its training: `params`, `parameters`, `val_accuracy`, `val_loss` (and the same for "test"),
            `history`, ….
        trials: the results of all, the failed too.
    """

    net: nn.Module
    result: dict[str, Any]
    trials: list[dict[str, Any]] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """On the validation part."""
        return float(self.result["val_accuracy"])


def train_student(
    data: Any,
    search: Search,
    trials: int = 4,
    *,
    out: str | os.PathLike[str],
    storage: str | None = None,
    study: str = "students",
    sampler: StudySampler = "tpe",
    seed: int = 0,
    workers: int | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Student:
    """Train a student with several hyper-parameters, and keep the one that is best on the validation part.

    Args:
        data: a `TransferSet`, to learn from teachers; or what `leveret.load` gave, to learn the labels.
        search: `ShallowStudents`, or a search of your own.
        trials: hyper-parameters to try; those that the search names first come first.
        out, storage, study, sampler, seed, workers, threads, progress: as for `TeacherEnsemble.train`, whose ways with
            crashes, interruptions and reruns these are too.

    Raises:
        LeveretUsageError: an argument out of range, no validation part, or `out` holds another search.
        LeveretTrainingError: every trial failed.
    """
    if trials < 1:
        raise LeveretUsageError(f"trials must be at least 1, got {trials}")
    check_search(data, seed, workers, threads, "students")
    folder = Path(out).absolute()
    run = {"data": _identity(data), "search": search.describe(), "seed": seed}
    begin(folder, run, "search for a student")
    results = train_candidates(
        data,
        trials,
        out=folder,
        search=search,
        storage=storage,
        study=study,
        sampler=sampler,
        seed=seed,
        workers=workers,
        threads=threads,
        progress=progress,
        what="students",
        prefix="trial",
    )
    good = [result for result in results if result["status"] == "ok"]
    if not good:
        raise LeveretTrainingError(f"every one of {trials} trials failed; {results[0]['key']}: {results[0]['why']}")
    # of as many hits the surer
    best = max(good, key=lambda result: (result["val_accuracy"], -result["val_loss"]))
    return Student(load_net(search, best["params"], data, folder / best["key"]), best, results)


def _identity(data: Any) -> dict[str, Any]:
    if not isinstance(data, TransferSet):
        return search_identity(data)
    return {**search_identity(data.data), "transfer": data.identity}
