"""Building a transfer set: each shard a job of its own, on any of joblib's workers, and only those that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from leveret.distill._sharded import ShardedArray, write_rows
from leveret.distill._views import KeyedViews
from leveret.errors import LeveretError, LeveretUsageError
from leveret.training._loader import to_tensor
from leveret.training._parallel import run_each

__all__ = ["ShardJob", "check_outputs", "clear_leftovers", "in_eval", "make_shards", "missing_shards", "moments"]

# images given to an augmentation with one generator; a constant, since `batch_size` may differ when a build goes on
_DRAWN_AT_ONCE = 256
_SHARED = "the teachers, the data or augment"


@dataclass(frozen=True)
class ShardJob:
    """What any shard is made with; goes to another process as it is.

    Attributes:
        teachers: in eval mode.
        views: of all samples by their keys; without augmentation where `augment` is given.
        augment: called with pixels and a generator; None where the views' keys say it all.
        normalization: of the teachers' inputs.
        logits: to be written.
        pixels: to be written too; None where the views are made anew when they are read.
        batch_size: views at once.
    """

    teachers: Sequence[nn.Module]
    views: KeyedViews
    augment: Any
    normalization: Any
    logits: ShardedArray
    pixels: ShardedArray | None
    batch_size: int

    def make(self, shard: int) -> int:
        """Write the files of a shard, the logits last; gives its number of views.

        Raises:
            LeveretError: the disk is full, or gone.
            LeveretUsageError: the augmentation changes the shape of images, or a teacher gives NaN or infinity.
        """
        rows = self.logits.rows(shard)
        try:
            if self.pixels is not None:
                shape = (len(rows), *self.pixels.shape[1:])
                write_rows(self.pixels.path(shard), shape, np.uint8, self._drawn(rows, shape[1:]))
            # before the file is begun: what fails here is not the disk's fault
            found = list(self._answers(rows, shard))
            write_rows(self.logits.path(shard), (len(rows), self.logits.shape[1]), np.float32, found)
        except LeveretError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            raise LeveretError(f"{error} All finished shards are kept; make room, and the same call goes on") from error
        return len(rows)

    def _drawn(self, rows: range, shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
        for part in _parts(rows, _DRAWN_AT_ONCE):
            pixels = self.views.fetch(part)
            if self.augment is not None:
                pixels = self.augment(pixels, np.random.default_rng((self.views.seed, int(part[0]))))
                if pixels.shape != (len(part), *shape) or pixels.dtype != np.uint8:
                    raise LeveretUsageError(
                        f"augment must keep images uint8 {(len(part), *shape)}, it gave {pixels.dtype} {pixels.shape}"
                    )
            yield pixels

    def _answers(self, rows: range, shard: int) -> Iterator[NDArray[np.float32]]:
        stored = None
        if self.pixels is not None:
            stored = np.load(self.pixels.path(shard), mmap_mode="r")
        with torch.no_grad():
            for part in _parts(rows, self.batch_size):
                pixels = self.views.fetch(part) if stored is None else np.asarray(stored[part - rows.start])
                logits = _mean_logits(self.teachers, to_tensor(pixels, self.normalization)).numpy()
                if not np.isfinite(logits).all():
                    view = part[~np.isfinite(logits).all(1)][0]
                    raise LeveretUsageError(f"the teachers' logits for view {view} are infinite or NaN")
                yield logits


def _mean_logits(teachers: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    first, *others = teachers
    total = first(inputs).float()
    for teacher in others:
        total = total + teacher(inputs).float()
    return total / len(teachers)


def _parts(rows: range, size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(rows.start, rows.stop, size):
        yield np.arange(start, min(start + size, rows.stop))


def check_outputs(teachers: Sequence[nn.Module], data: Any) -> None:
    """See that all teachers answer with a logit for each class, and for the same ones where a teacher names them.

    Raises:
        LeveretUsageError: names the teacher, its number of outputs and that of the data's classes, or the first class
            that differs.
    """
    inputs = to_tensor(data.train.fetch(np.arange(1)), data.normalization)
    for number, teacher in enumerate(teachers, 1):
        known = getattr(teacher, "classes", None)
        if known is not None and len(known) == len(data.classes) and tuple(known) != tuple(data.classes):
            theirs, ours = next(pair for pair in zip(known, data.classes, strict=True) if pair[0] != pair[1])
            raise LeveretUsageError(
                f"the teacher {type(teacher).__name__} was trained for other classes: {theirs!r} where "
                f"{getattr(data, 'name', 'the data')} has {ours!r}"
            )
        with in_eval([teacher]), torch.no_grad():
            logits = teacher(inputs)
        if tuple(logits.shape) != (1, len(data.classes)):
            which = type(teacher).__name__ + (f" {number} of {len(teachers)}" if len(teachers) > 1 else "")
            outputs = logits.shape[1] if logits.dim() == 2 else f"{tuple(logits.shape[1:])}"
            raise LeveretUsageError(
                f"the teacher {which} has {outputs} outputs, and {getattr(data, 'name', 'the data')} has "
                f"{len(data.classes)} classes"
            )


@contextmanager
def in_eval(nets: Sequence[nn.Module]) -> Iterator[None]:
    """Nets in eval mode, and then each of their parts in the mode that it was in."""
    modes = [(part, part.training) for net in nets for part in net.modules()]
    for net in nets:
        net.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def missing_shards(arrays: Sequence[ShardedArray]) -> list[int]:
    """The shards that aren't there, or not whole, or shorter than they are now to be."""

    def whole(shard: int) -> bool:
        try:
            return not any(array.fault(shard) for array in arrays)
        except FileNotFoundError:
            return False

    return [shard for shard in range(arrays[0].shards) if not whole(shard)]


def clear_leftovers(folder: Path) -> None:
    """Delete what a killed process had half written."""
    for name in ("logits-", "pixels-", "transfer.json"):
        for path in folder.glob(f".{name}*.tmp"):
            path.unlink(missing_ok=True)


def make_shards(job: ShardJob, shards: Sequence[int], workers: int | None, progress: bool) -> None:
    """Make shards, `workers` at once.

    Args:
        workers: processes; None: what an outer `joblib.parallel_config` says, else this one alone.
        progress: show a bar over all views, with the time left, on a terminal.

    Raises:
        LeveretUsageError: the teachers or the data can't be sent to other processes; or as `ShardJob.make`.
        LeveretError: a process died; or as `ShardJob.make`.
    """
    total = len(job.logits)
    started = total - sum(len(job.logits.rows(shard)) for shard in shards)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("transfer set"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} views"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not (progress and console.is_terminal),
    )
    done = 0
    try:
        with bar, in_eval(job.teachers):
            task = bar.add_task("transfer set", total=total, completed=started)
            for views in run_each(job.make, shards, workers=workers, what=_SHARED):
                done += 1
                bar.advance(task, views)
    except KeyboardInterrupt:
        if progress:
            have = job.logits.shards - len(shards) + done
            console.print(f"stopped; {have} of {job.logits.shards} shards are there: the same call goes on")
        raise
    except BrokenExecutor as error:
        raise LeveretError(
            f"a process that built the transfer set in {job.logits.folder} died: it was killed, or memory was short. "
            "All finished shards are kept; the same call goes on, with fewer workers or a smaller batch_size if need be"
        ) from error


def moments(logits: ShardedArray) -> tuple[list[float], list[float]]:
    """Mean and deviation of each class's logits over all views, one shard in memory at a time.

    A class whose logits are all the same gets the deviation 1, as in scikit-learn's `StandardScaler`.
    """
    count, mean, squares = 0, np.zeros(logits.shape[1]), np.zeros(logits.shape[1])
    for shard in range(logits.shards):
        part = np.load(logits.path(shard)).astype(np.float64)
        # Chan, Golub & LeVeque (1979): sums of squares about each part's own mean lose no digits
        own = part.mean(0)
        squares += np.square(part - own).sum(0) + np.square(own - mean) * count * len(part) / (count + len(part))
        count += len(part)
        mean += (own - mean) * len(part) / count
    std = np.sqrt(squares / count)
    return mean.tolist(), np.where(std > 1e-12 * np.maximum(1, np.abs(mean)), std, 1.0).tolist()
