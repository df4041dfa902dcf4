"""A net for each balanced subset, trained side by side, and all of them as one."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from leveret._differences import named_differences
from leveret._disk import disk_errors
from leveret._files import replacing, write_json
from leveret._threads import default_threads
from leveret.balance._subsets import balanced_subsets
from leveret.errors import LeveretTrainingError, LeveretUsageError, LeveretWarning
from leveret.nets import Ensemble
from leveret.training import duration, fit, has_damaged_checkpoint, parallel
from leveret.training._parallel import how_many_workers
from leveret.training._task import Task
from leveret.training._tasks_progress import TasksProgress

__all__ = ["train_subsets"]

_CONFIG = "subsets.json"
_WEIGHTS = "net.safetensors"


def train_subsets(
    make_net: Callable[[], nn.Module],
    data: Any,
    subsets: Sequence[ArrayLike] | None = None,
    *,
    members: int | None = None,
    max_members: int | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    seed: int = 0,
    workers: int | None = None,
    threads: int | None = None,
    progress: bool = True,
    results: list[dict[str, Any]] | None = None,
    **options: Any,
) -> Ensemble:
    """A net for each subset of the training part, as one that says what they say on average.

    The ensemble packs as one model, and teaches one net: `fit(net, data, objective=Distillation(ensemble))`. It
    averages logits: its probabilities are the members' geometric mean, brought to a sum of 1.

    A member that crashes is tried once more, one whose process dies goes on after its last epoch; what fails for good
    is told, and the others go on.

    Args:
        make_net: gives a fresh net; it goes to other processes with `workers`, so it must pickle.
        data: from `leveret.load`; each member has its validation part.
        subsets: places of training samples; default `balanced_subsets`.
        members, max_members: of `balanced_subsets`, where no subsets are given.
        out: folder for the members; the same call again trains only those that aren't finished. None keeps nothing.
        resume: False trains all members anew, in place of those in `out`.
        seed: of the members' weights and orders, and of the dealing. The result is the same with any number of
            processes; threads as workers share torch's random state, and give others.
        workers: members at once, in processes of their own; default what `joblib.parallel_config` says (threads, a
            Dask or Ray cluster, whose machines must share `out`), else one, which is this one.
        threads: of torch in each; default: the cores, shared out.
        progress: show a line a member, with the time left.
        results: a list to which each member's result is added, its history among it.
        options: for `fit`: epochs, batch_size, lr, objective and so on.

    Raises:
        LeveretUsageError: no subset, one of fewer than two samples or of places that there aren't, an option that `fit`
            lacks, or `out` holds the members of another training.
        LeveretTrainingError: every member failed; says why.
        LeveretError: a file could not be written, for instance on a full disk.
        KeyboardInterrupt: Ctrl-C; finished members are kept in `out`, others go on after their last epoch.

    Warns:
        LeveretWarning: a member failed; the others make the ensemble.
    """
    _check(workers, threads, options)
    if subsets is None:
        subsets = balanced_subsets(data.train.labels, members=members, max_members=max_members, seed=seed)
    elif members is not None or max_members is not None:
        raise LeveretUsageError("members and max_members are of balanced_subsets; the subsets given are the members")
    places = _checked_places(subsets, len(data.train))
    with TemporaryDirectory(prefix="leveret-") as scratch:
        folder = Path(scratch) if out is None else Path(out).absolute()
        at_once = how_many_workers(workers, len(places))
        tasks = [
            _Member(
                key=f"member-{i:03}",
                folder=folder / f"member-{i:03}",
                threads=threads or max(1, default_threads() // at_once),
                make_net=make_net,
                places=subset,
                seed=seed + 1000 * i,
                options=options,
            )
            for i, subset in enumerate(places)
        ]
        if out is not None:
            _begin(folder, _described(make_net, data, places, seed, options), tasks, resume)
        found = {task.key: result for task in tasks if (result := task.finished()) is not None}
        left = [task for task in tasks if task.key not in found]
        with TasksProgress("members", len(tasks), len(found), progress, _outcome) as shown, disk_errors(folder):
            made = parallel(left, data, workers=workers, done=lambda task, result: shown.done(task.key, result))
        found |= {task.key: result for task, result in zip(left, made, strict=True)}
        failed = [task.key for task in tasks if found[task.key]["status"] != "ok"]
        if len(failed) == len(tasks):
            raise LeveretTrainingError(f"every one of {len(tasks)} members failed; {failed[0]}: {_why(found, failed)}")
        nets = [task.net() for task in tasks if task.key not in failed]
    if failed:
        warnings.warn(
            LeveretWarning(
                f"{len(failed)} of {len(tasks)} members failed ({', '.join(failed)}), the others make the ensemble; "
                f"{failed[0]}: {_why(found, failed)}"
            ),
            stacklevel=2,
        )
    if results is not None:
        results += [found[task.key] for task in tasks]
    return Ensemble(nets).eval()


@dataclass(frozen=True)
class _Member(Task):
    """A subset's net; goes to another process as it is."""

    make_net: Callable[[], nn.Module]
    places: NDArray[np.int64]
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)

    retries = 1

    def whole(self) -> bool:
        return (self.folder / _WEIGHTS).exists()

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)

    def work(self, data: Any) -> dict[str, Any]:
        from safetensors.torch import save_file

        torch.manual_seed(self.seed)
        net = self.make_net()
        where = self.folder / "training"
        # a kill may have come in mid-writing
        resume = False if has_damaged_checkpoint(where) else "auto"
        own = copy.copy(data)
        own.train = data.train.subset(self.places)
        options = {"progress": False, "stage": self.key, **self.options}
        result = fit(net, own, seed=self.seed, out=where, resume=resume, **options)
        if result.interrupted:
            raise KeyboardInterrupt
        with replacing(self.folder / _WEIGHTS) as path:
            save_file({name: value.contiguous() for name, value in net.state_dict().items()}, path)
        return {
            "samples": len(self.places),
            "val_accuracy": result.best_accuracy,
            "samples_seen": result.samples_seen,
            "history": result.history,
        }

    def net(self) -> nn.Module:
        """The trained net, from its file."""
        from safetensors.torch import load_file

        net = self.make_net()
        net.load_state_dict(load_file(self.folder / _WEIGHTS))
        return net.eval()


def _check(workers: int | None, threads: int | None, options: Mapping[str, Any]) -> None:
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    # each member would fail of it
    known = inspect.signature(fit).parameters
    if unknown := [name for name in options if name not in known or name in ("net", "data")]:
        raise LeveretUsageError(f"fit has no option {unknown[0]!r}")


def _checked_places(subsets: Sequence[ArrayLike], size: int) -> list[NDArray[np.int64]]:
    found = [np.asarray(subset) for subset in subsets]
    if not found:
        raise LeveretUsageError("there must be at least one subset")
    for i, subset in enumerate(found):
        if subset.ndim != 1 or not np.issubdtype(subset.dtype, np.integer) or len(subset) < 2:
            raise LeveretUsageError(
                f"subset {i} must be places of at least two training samples, got {subset.dtype} of shape "
                f"{subset.shape}"
            )
        if subset.min() < 0 or subset.max() >= size:
            raise LeveretUsageError(
                f"subset {i} has places from {subset.min()} to {subset.max()}; the training part's are 0 to {size - 1}"
            )
    return [subset.astype(np.int64) for subset in found]


def _begin(folder: Path, run: dict[str, Any], tasks: Sequence[_Member], resume: bool) -> None:
    """Write whose the members in the folder are, or make sure that they are this run's."""
    path = folder / _CONFIG
    if not resume:
        for task in tasks:
            shutil.rmtree(task.folder, ignore_errors=True)
    elif path.exists():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            kept = "damaged"
        if found := named_differences(kept, json.loads(json.dumps(run))):
            raise LeveretUsageError(
                f"{folder} holds the members of another training: {found}. Name another folder, or take resume=False"
            )
        return
    elif any(task.folder.exists() for task in tasks):
        raise LeveretUsageError(
            f"{folder} holds members but no {_CONFIG} that says of what; name another folder, or take resume=False"
        )
    write_json(path, run)


def _described(
    make_net: Callable[[], nn.Module],
    data: Any,
    subsets: Sequence[NDArray[np.int64]],
    seed: int,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """What a resumed run must have in common, as plain values."""
    with torch.random.fork_rng():
        net = make_net()
    labels = [np.ascontiguousarray(split.labels, dtype="<i8").tobytes() for split in (data.train, data.val)]
    # sums over many values may differ in their last digits from one machine to the next
    moments = [[round(float(value), 5) for value in row] for row in (data.normalization.mean, data.normalization.std)]
    return {
        "samples": {"train": len(data.train), "val": len(data.val)},
        "data": _hashed(*labels, json.dumps(moments).encode()),
        "members": len(subsets),
        "subsets": _hashed(*(subset.astype("<i8").tobytes() + b"|" for subset in subsets)),
        "seed": seed,
        "net": _hashed(repr(net).encode(), *(f"{k} {tuple(v.shape)}".encode() for k, v in net.state_dict().items())),
        "options": {name: _plain(value) for name, value in sorted(options.items()) if name != "progress"},
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it; other things, whose text may be an address, by their kind."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _hashed(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:16]


def _why(found: Mapping[str, Mapping[str, Any]], failed: Sequence[str]) -> str:
    return str(found[failed[0]]["why"])


def _outcome(result: Mapping[str, Any]) -> str:
    reached = "" if result["val_accuracy"] is None else f"{result['val_accuracy']:.2%} validated  "
    return f"{reached}{result['samples']:,} samples  {duration(result['seconds'])}"
