"""`TeacherEnsemble`: many nets with searched hyper-parameters, trained independently of each other."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leveret._differences import named_differences
from leveret.distill._candidate import has_net, load_net
from leveret.distill._candidates import (
    begin,
    check_search,
    read_config,
    search_identity,
    train_candidates,
)
from leveret.distill._convteachers import ConvTeachers
from leveret.distill._search import Search, StudySampler
from leveret.distill._subset import Subset, best_subset
from leveret.errors import LeveretDataError, LeveretTrainingError, LeveretUsageError
from leveret.nets import Ensemble
from leveret.training._task import failure

__all__ = ["Teacher", "TeacherEnsemble"]

_WHAT = "ensemble of teachers"


@dataclass(frozen=True)
class Teacher:
    """A trained member.

    Attributes:
        folder: where its weights, logits and result stand.
        result: what is known of it: `params`, `parameters`, `val_accuracy`, `val_loss` (and the same for "test"),
            `epochs`, `seconds`, `history`, ….
    """

    folder: Path
    result: dict[str, Any]

    @property
    def params(self) -> dict[str, Any]:
        """Its hyper-parameters."""
        return dict(self.result["params"])

    @property
    def accuracy(self) -> float:
        """On the validation part."""
        return float(self.result["val_accuracy"])


@dataclass(frozen=True)
class _Shape:
    """What a search needs of the data to build a net."""

    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        return len(self.classes)


class TeacherEnsemble:
    """Trained teachers; `train` makes them, `load` finds them again.

    Attributes:
        members: `Teacher`s, in the order of their numbers.
        failed: results of those that have no net, with `key` and `why`.
        classes: names, in the order of the logits.
    """

    def __init__(
        self,
        members: Sequence[Teacher],
        failed: Sequence[dict[str, Any]],
        searches: Sequence[Search],
        identity: Mapping[str, Any],
    ) -> None:
        self.members = list(members)
        self.failed = list(failed)
        self.classes = tuple(identity["classes"])
        self._searches = list(searches)
        self._identity = json.loads(json.dumps(identity))
        self._shape = _Shape(tuple(identity["image_shape"]), self.classes)

    @classmethod
    def train(
        cls,
        data: Any,
        members: int = 8,
        *,
        out: str | os.PathLike[str],
        search: Search | None = None,
        storage: str | None = None,
        study: str = "teachers",
        sampler: StudySampler = "tpe",
        seed: int = 0,
        workers: int | None = None,
        threads: int | None = None,
        progress: bool = True,
    ) -> TeacherEnsemble:
        """Train so many nets with searched hyper-parameters, each an independent job (Urban et al., section 2.1).

        Each member asks the search for hyper-parameters when it begins, learns from the training part and tells the
        search its accuracy on the validation part. One that crashes is tried once more, one whose process dies goes on
        after its last epoch; what fails for good is reported, and the others go on. A rerun trains only what is
        missing, and with more `members` only the new ones.

        Args:
            data: from `leveret.load`, with a validation part.
            members: nets to train.
            out: folder of the ensemble, new or of an earlier run with the same data, search and seed.
            search: hyper-parameters and what they mean; default `ConvTeachers()`.
            storage: an Optuna URL, "postgresql://…": machines that name the same one, and the same `study`, learn from
                each other's trials, each with an `out` of its own, which `load` puts together. Default: a journal in
                `out`.
            study: its name in the storage.
            sampler: "tpe", or "random", which with `threads` set gives the same members for a seed with any number of
                worker processes. Threads as workers share torch's random state, and don't.
            seed: of initial weights, order, augmentation and the search.
            workers: processes; default what `joblib.parallel_config` says (threads, a Dask or Ray cluster, whose
                machines must share `out`), else one.
            threads: of torch in each; default the cores, shared out.
            progress: say on stderr how each went, on a terminal with the time left.

        Raises:
            LeveretUsageError: an argument out of range, no validation part, or `out` holds another ensemble.
            LeveretTrainingError: every member failed.
            LeveretError: a file could not be written, for instance on a full disk.
            KeyboardInterrupt: Ctrl-C; finished members are kept, others go on after their last epoch.
        """
        if members < 1:
            raise LeveretUsageError(f"members must be at least 1, got {members}")
        check_search(data, seed, workers, threads, "teachers")
        folder = Path(out).absolute()
        search = search if search is not None else ConvTeachers()
        identity = search_identity(data)
        begin(folder, {"data": identity, "search": search.describe(), "seed": seed}, _WHAT)
        results = train_candidates(
            data,
            members,
            out=folder,
            search=search,
            storage=storage,
            study=study,
            sampler=sampler,
            seed=seed,
            workers=workers,
            threads=threads,
            progress=progress,
            what="teachers",
            prefix="member",
        )
        ensemble = _gathered([(folder, result) for result in results], search, identity)
        if not ensemble.members:
            first = ensemble.failed[0]
            raise LeveretTrainingError(f"every one of {members} members failed; {first['key']}: {first['why']}")
        return ensemble

    @classmethod
    def load(cls, *folders: str | os.PathLike[str], search: Search | None = None) -> TeacherEnsemble:
        """The finished members that `train` left in one or several folders.

        Args:
            folders: as given to `train` for `out`, perhaps on different machines.
            search: the one that they were trained with; not needed for `ConvTeachers`.

        Raises:
            LeveretDataError: a folder holds no ensemble, no finished member, or one of other classes or images.
            LeveretUsageError: no folder, or the search is another one than the members'.
        """
        if not folders:
            raise LeveretUsageError("name at least one folder with an ensemble")
        found = [_read(Path(folder).absolute(), search) for folder in folders]
        first = found[0]
        for folder, other in zip(folders[1:], found[1:], strict=True):
            if named := named_differences(first._identity, other._identity):
                raise LeveretDataError(
                    f"the teachers in {folder} were trained on other data, or on another split of it, than those in "
                    f"{folders[0]}: {named}. An ensemble needs the same for all"
                )
        return cls(
            [member for ensemble in found for member in ensemble.members],
            [result for ensemble in found for result in ensemble.failed],
            [used for ensemble in found for used in ensemble._searches],
            first._identity,
        )

    def only(self, names: Sequence[str]) -> TeacherEnsemble:
        """The members whose folders have these names, in their order.

        Raises:
            LeveretDataError: one is not there.
        """
        by_name = {member.folder.name: i for i, member in enumerate(self.members)}
        if missing := [name for name in names if name not in by_name]:
            raise LeveretDataError(f"the ensemble has lost {', '.join(missing)}")
        chosen = [by_name[name] for name in names]
        return TeacherEnsemble(
            [self.members[i] for i in chosen], self.failed, [self._searches[i] for i in chosen], self._identity
        )

    def __len__(self) -> int:
        return len(self.members)

    @property
    def best(self) -> int:
        """The member with the best validation accuracy, of equals the first; from 0."""
        return max(range(len(self)), key=lambda i: self.members[i].accuracy)

    def logits(self, part: str = "val") -> NDArray[np.float32]:
        """What the members say of a part of the data, kept from their training: `(members, n, classes)` float32.

        Raises:
            LeveretDataError: it wasn't kept, or its length differs between members.
        """
        found = []
        for member in self.members:
            path = member.folder / f"logits-{part}.npy"
            try:
                found.append(np.load(path))
            except (OSError, ValueError) as error:
                raise LeveretDataError(f"{path} can't be read ({error}); was the {part} part empty?") from error
        if len({logits.shape for logits in found}) > 1:
            shapes = sorted({logits.shape for logits in found})
            raise LeveretDataError(f"members were measured on different {part} parts: {shapes}")
        return np.stack(found)

    def best_subset(self, data: Any, **options: Any) -> Subset:
        """Select on the validation part; `options` as for `leveret.distill.best_subset`.

        Raises:
            LeveretDataError: the teachers were trained on other data, or on another split of it.
        """
        if named := named_differences(self._identity, json.loads(json.dumps(search_identity(data)))):
            raise LeveretDataError(
                f"the teachers were trained on other data than {data.source}, or on another split of it: {named}"
            )
        return best_subset(self.logits("val"), data.val.labels, **options)

    def member(self, index: int) -> nn.Module:
        """The net of a member, from 0, in eval mode."""
        member = self.members[index]
        return self._named(load_net(self._searches[index], member.params, self._shape, member.folder))

    def net(self, subset: Subset | None = None) -> Ensemble:
        """The members as one net, by a subset's weights or all alike; those without weight aren't loaded.

        Raises:
            LeveretUsageError: a subset of another number of members.
        """
        weights = np.full(len(self), 1 / len(self)) if subset is None else subset.weights
        if len(weights) != len(self):
            raise LeveretUsageError(f"the subset is of {len(weights)} members, the ensemble has {len(self)}")
        chosen = [int(i) for i in np.flatnonzero(weights)]
        nets = [self.member(i) for i in chosen]
        return self._named(Ensemble(nets, [float(weights[i]) for i in chosen]).eval())

    def _named(self, net: Any) -> Any:
        # a transfer set of other classes refuses it
        net.classes = self.classes
        return net


def _read(folder: Path, search: Search | None) -> TeacherEnsemble:
    config = read_config(folder, _WHAT)
    described = config["search"]
    if search is None:
        if described.get("search") != "ConvTeachers":
            raise LeveretUsageError(f"{folder} was trained by a search of your own; give it as search=")
        search = ConvTeachers.from_dict(described)
    elif found := named_differences(described, json.loads(json.dumps(search.describe()))):
        raise LeveretUsageError(f"{folder} was trained by another search: {found}")
    results = []
    for path in sorted(folder.glob("member-*/result.json")):
        try:
            results.append((folder, json.loads(path.read_text(encoding="utf-8"))))
        except ValueError as error:
            raise LeveretDataError(f"{path} is damaged ({error})") from error
    ensemble = _gathered(results, search, config["data"])
    if not ensemble.members:
        raise LeveretDataError(f"{folder} holds no finished member; run the same training again")
    return ensemble


def _gathered(
    results: Sequence[tuple[Path, dict[str, Any]]], search: Search, identity: Mapping[str, Any]
) -> TeacherEnsemble:
    members, failed = [], []
    for folder, result in results:
        if result["status"] != "ok":
            failed.append(result)
        elif not has_net(folder / result["key"]):
            failed.append(failure(result["key"], "its weights are gone"))
        else:
            members.append(Teacher(folder / result["key"], result))
    return TeacherEnsemble(members, failed, [search] * len(members), identity)
