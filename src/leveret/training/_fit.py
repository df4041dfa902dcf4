"""`fit`: the one training loop, over PyTorch Lightning."""

from __future__ import annotations

import functools
import logging
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import Sampler

from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.training import _checkpoints as checkpoints
from leveret.training._adadelta import sparse_tables
from leveret.training._augment import Augmentation
from leveret.training._buckets import buckets_for
from leveret.training._history import History
from leveret.training._joint import JointAugmentation
from leveret.training._loader import evaluation_batch, evaluation_loader, training_loader
from leveret.training._memory import memory_kept
from leveret.training._module import LightningNet
from leveret.training._monitor import Monitor, monitor_for, training_skew, warn_of_skew
from leveret.training._objectives import CrossEntropy, Objective
from leveret.training._optimizers import make_optimizer
from leveret.training._parts import has_masks, has_tags
from leveret.training._precision import Precision, lightning_precision
from leveret.training._progress import EpochProgress
from leveret.training._schedules import make_schedule
from leveret.training._tags import TagLikelihood

__all__ = ["FitResult", "fit"]


@dataclass
class FitResult:
    """What a training left.

    Attributes:
        net: the net that was given, holding the best epoch's weights (the last one's without a validation part).
        history: a dict per epoch, see `training.History`.
        best_epoch: from 1; None before the first epoch was finished.
        best_accuracy: the best epoch's accuracy on the validation part, a fraction; None without one.
        monitor: what told the best epoch: "accuracy", "balanced_accuracy", "loss", "miou" or "f1".
        best_score: the best epoch's value of that on the validation part; None without one.
        samples_seen: training samples that the net was shown, repeats counted, over all runs of this training.
        unique_seen: different ones among them; None where a run was resumed from a checkpoint that doesn't say.
        seconds: spent on the epochs of the history.
        interrupted: Ctrl-C stopped the run before its end.
        diverged: the loss or a weight became infinite or NaN; such a result comes with a `LeveretTrainingError`.
        best_checkpoint, last_checkpoint: in `out`; None where nothing was to be kept.
    """

    net: nn.Module
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_accuracy: float | None = None
    samples_seen: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    diverged: bool = False
    best_checkpoint: Path | None = None
    last_checkpoint: Path | None = None
    monitor: str = "accuracy"
    best_score: float | None = None
    unique_seen: int | None = None


def fit(
    net: nn.Module,
    data: Any,
    *,
    objective: Objective | None = None,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: Any = "adamw",
    lr: float | None = None,
    weight_decay: float = 1e-4,
    schedule: Literal["constant", "cosine", "one-cycle"] = "cosine",
    warmup: float = 0.05,
    augment: Augmentation | JointAugmentation | None = None,
    gradient_clip: float | None = None,
    early_stopping: int | None = None,
    monitor: Literal["auto", "accuracy", "balanced_accuracy", "loss", "miou", "f1"] = "auto",
    sampler: Sampler[int] | None = None,
    precision: Precision = "auto",
    channels_last: bool = True,
    seed: int = 0,
    out: str | Path | None = None,
    resume: Literal["auto"] | bool | str | Path = "auto",
    keep_best: bool = True,
    stage: str = "training",
    progress: bool = True,
    workers: int = 0,
    trainer_args: dict[str, Any] | None = None,
) -> FitResult:
    """Train `net` on the training part of `data` and measure it on the validation part after each epoch.

    Args:
        net: maps `(batch, channels, height, width)` float32 (of tables `(batch, features)`, of texts a list of strings)
            to logits `(batch, num_classes)`; for images with masks, to maps of them `(batch, num_classes, height,
            width)` of the images' size; for sentences with tags, lists of tokens to emissions `(batch, longest,
            num_classes)`. Trained in place. One in eval mode is put in training mode; parts of it
            that are in eval mode in a net that is not stay so.
        data: from `leveret.load`, or anything with `train`, `val` (`fetch(indices)`, `labels`, `len`) and
            `normalization` (`mean`, `std`).
        objective: what is minimised; default `CrossEntropy()`, of sentences with tags `TagLikelihood()`.
        epochs: passes over the training part, the ones before a resume included.
        batch_size: samples per step, over all processes.
        optimizer: "adam", "adamw", "sgd", "adadelta", or a function from parameter groups to a torch optimiser. After
            each step, every module of the net that has a method `constrain` is asked to bring its weights back within
            the bounds that it knows, as `nets.NormBoundLinear` does.
        lr: peak learning rate; None takes the optimiser's default (0.1 for sgd, 0.002 for Adam, 1 for Adadelta).
        weight_decay: of weights with two or more dimensions.
        schedule, warmup: the learning rate over the run; "one-cycle" peaks at `warmup`, a share of the run.
        augment: an `Augment`, or any function of uint8 pixels `(batch, channels, height, width)` and a numpy generator;
            of tables, a function of float32 rows `(batch, features)`; texts take none. Of images with masks, a
            `JointAugment`, or anything with its `joint`.
        gradient_clip: largest norm of the whole gradient.
        early_stopping: stop after so many epochs in which `monitor` got no better on the validation part.
        monitor: what tells the best epoch, for `best.ckpt`, `keep_best` and `early_stopping`: "accuracy",
            "balanced_accuracy" (the mean of the classes' recalls), "loss" (cross-entropy) or, of images with masks,
            "miou" (the mean of the classes' intersections over unions), or, of sentences with tags, "f1" (of entities),
            on the validation part.
            "auto" goes by balanced accuracy where a class of the training part is rarer than 1:10 of the most frequent
            one, and warns that accuracy alone misleads there; by mIoU for masks, by F1 for tags; else by accuracy.
            A run that is resumed keeps to what it began with.
        sampler: draws the training indices of an epoch; default: each sample once, shuffled; where the net `pads`
            texts, in batches of like lengths (`LengthBuckets`). One that has
            `chunks(size)`, as `balance.FrequencySampler` has, is asked for a batch at a time, others for all at once.
        precision: "auto" takes bfloat16 where this CPU computes with it natively, else float32, as for texts; or
            "float32", "bfloat16".
        channels_last: store activations channels last, which is faster on CPUs (about 1.3x).
        seed: of order, augmentation and dropout. The initial weights are the net's own.
        out: folder for checkpoints (`last.ckpt`, `best.ckpt`), `history.csv` and a TensorBoard log; None keeps nothing.
        resume: "auto" goes on from `out/last.ckpt` where there is one; True insists on it; False starts anew (and
            overwrites); a path goes on from that checkpoint. A resumed run gives the same as one never stopped.
        keep_best: leave the best validated epoch's weights in `net` rather than the last one's.
        stage: a name for the rows of the history and for the progress bar.
        progress: show a line an epoch, and a bar on a terminal.
        workers: processes that fetch batches; 0 fetches in this one, best for data in memory.
        trainer_args: passed on to `pytorch_lightning.Trainer`, e.g. `{"devices": 2, "strategy": "ddp_spawn"}`.

    Ctrl-C stops after the current batch, writes `interrupted.ckpt` beside the last epoch's checkpoint and returns with
    `interrupted=True`.

    A training that diverges stops with an error, and `net` then holds what a finished one would: the best epoch's
    weights (the last one's with `keep_best=False`), or those that it began with where no epoch was finished. Nothing in
    it, nor in a checkpoint, is infinite or NaN. To go on with that, catch the error and take its `result`.

    Warns:
        SkewWarning: with `monitor="auto"`, a class is rarer than 1:10; says which, and what always saying the most
            frequent class would reach. Any other `monitor` is silent.

    Raises:
        LeveretUsageError: an argument out of range, no such checkpoint, or one of a run with another `monitor`.
        LeveretTrainingError: the loss, or a weight at the end of an epoch, became infinite or NaN; says where, and
            what `net` holds. Its `result` is the `FitResult` of the finished epochs.
    """
    _check(epochs, batch_size, weight_decay, gradient_clip, early_stopping, len(data.val))
    has_validation = len(data.val) > 0
    if not net.training:
        # Lightning trains a net in the mode that it finds: one that was packed or evaluated before would keep its norms
        net.train()
    with tempfile.TemporaryDirectory(prefix="leveret-") as scratch:
        folder = Path(scratch) if out is None else Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        start = _starting_point(net, folder, resume)
        masks = has_masks(data.train)
        # words are little work, and a recurrent net's steps many: fewer digits gain nothing
        texts = getattr(data.train, "lengths", None) is not None
        # pixels of some class are always rare: mIoU heeds them as it is
        tags = has_tags(data.train)
        skew = None if masks or tags else training_skew(data.train)
        chosen = monitor_for(monitor, skew, start, masks, tags)
        skewed = skew is not None and skew.skewed
        if monitor == "auto" and skew is not None and skew.skewed:
            warn_of_skew(skew, data, chosen.name, stacklevel=2)
        module = LightningNet(
            net.to(memory_format=torch.channels_last) if channels_last else net,  # type: ignore[call-overload]
            objective if objective is not None else TagLikelihood() if tags else CrossEntropy(),
            functools.partial(make_optimizer, optimizer=optimizer, lr=lr, weight_decay=weight_decay),
            functools.partial(_schedule_of, schedule=schedule, warmup=warmup),
            seed,
            len(data.train),
            tuple(data.classes) if tags else None,
        )
        history = History(stage, None if out is None else folder / "history.csv", chosen.name)
        on_interruption = checkpoints.SaveOnInterruption(folder)
        callbacks: list[pl.Callback] = [history, on_interruption]
        if progress:
            callbacks.append(EpochProgress(stage, history, balanced=skewed or chosen.name == "balanced_accuracy"))
        if early_stopping is not None:
            callbacks.append(EarlyStopping(chosen.column, mode=chosen.mode, patience=early_stopping))
        # nothing resumes from a scratch folder; only processes of their own leave their history there
        scratched = out is None and not trainer_args
        callbacks.extend(checkpoints.epoch_checkpoints(folder, has_validation, chosen.column, chosen.mode, scratched))
        settings: dict[str, Any] = {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": epochs,
            "precision": lightning_precision("float32" if precision == "auto" and texts else precision),
            "gradient_clip_val": gradient_clip,
            "logger": False if out is None else TensorBoardLogger(folder, name="", version="log"),
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
        }
        settings |= trainer_args or {}
        settings["callbacks"] = callbacks + list((trainer_args or {}).get("callbacks", []))
        load = functools.partial(
            training_loader,
            data.train,
            data.normalization,
            batch_size=batch_size,
            seed=seed,
            augment=augment,
            sampler=buckets_for(net, data.train, seed) if sampler is None else sampler,
            channels_last=channels_last,
            workers=workers,
        )
        validation = None
        if has_validation:
            validation = evaluation_loader(
                data.val,
                data.normalization,
                batch_size=max(batch_size, evaluation_batch(data.val)),
                channels_last=channels_last,
            )
        before = {name: value.clone() for name, value in net.state_dict().items()}
        diverged: LeveretTrainingError | None = None
        interrupted = False
        # clipping and several processes need whole gradients
        rows = optimizer == "adadelta" and gradient_clip is None and not trainer_args
        with _quiet_lightning(), _sharing_tensors(settings), sparse_tables(net, rows), memory_kept():
            trainer = pl.Trainer(**settings)
            try:
                interrupted = _run(trainer, module, load(), validation, start)
            except LeveretTrainingError as error:
                diverged = error
        if not history.rows and (folder / checkpoints.LAST).exists():
            # processes of their own did the work; what they kept is in their checkpoint
            history.load_state_dict(checkpoints.read_checkpoint(folder / checkpoints.LAST)["callbacks"]["History"])
        result = _result(net, history.rows, folder, interrupted, has_validation, chosen, kept=out is not None)
        best = keep_best and has_validation
        if best and result.best_epoch is not None and not interrupted:
            checkpoints.load_weights(net, folder / checkpoints.BEST)
        if diverged is not None:
            if not history.rows:
                net.load_state_dict(before)
            elif not best:
                checkpoints.load_weights(net, folder / checkpoints.LAST)
            raise _with_result(diverged, result, best)
        if interrupted and progress:
            _say_what_is_kept(result, folder if out is not None else None, on_interruption.saved)
    return result


def _check(
    epochs: int,
    batch_size: int,
    weight_decay: float,
    gradient_clip: float | None,
    early_stopping: int | None,
    validation_size: int,
) -> None:
    if epochs < 1:
        raise LeveretUsageError(f"epochs must be at least 1, got {epochs}")
    if batch_size < 2:
        raise LeveretUsageError(f"batch_size must be at least 2 (BatchNorm needs two samples), got {batch_size}")
    if weight_decay < 0:
        raise LeveretUsageError(f"weight_decay must be at least 0, got {weight_decay}")
    if gradient_clip is not None and gradient_clip <= 0:
        raise LeveretUsageError(f"gradient_clip must be above 0, or None, got {gradient_clip}")
    if early_stopping is not None and early_stopping < 1:
        raise LeveretUsageError(f"early_stopping must be at least 1 epoch, or None, got {early_stopping}")
    if early_stopping is not None and not validation_size:
        raise LeveretUsageError("early_stopping needs a validation part, and the data has none")


def _schedule_of(optimizer: Any, steps: int, *, schedule: Any, warmup: float) -> Any:
    return make_schedule(optimizer, schedule, steps, warmup)


def _starting_point(net: nn.Module, folder: Path, resume: Any) -> Path | None:
    last = folder / checkpoints.LAST
    if resume is False or (resume == "auto" and not last.exists()):
        return None
    start = last if resume is True or resume == "auto" else Path(resume)
    # names a missing, damaged or foreign file before anything else happens
    checkpoints.weights_for(net, start)
    return start


def _run(trainer: pl.Trainer, module: Any, train: Any, validation: Any, start: Path | None) -> bool:
    """Train; True if Ctrl-C stopped it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, train, validation, ckpt_path=start)
    except (KeyboardInterrupt, SystemExit):
        # Lightning answers Ctrl-C by leaving the whole program; a library returns to its caller
        if not trainer.interrupted:
            raise
        return True
    finally:
        if signal.getsignal(signal.SIGINT) is not handler and handler is not None:
            _restore(handler)
    return trainer.interrupted


def _restore(handler: Any) -> None:
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:  # not in the main thread, where Lightning didn't change it either
        return


def _result(
    net: nn.Module,
    rows: list[dict[str, Any]],
    folder: Path,
    interrupted: bool,
    has_validation: bool,
    monitor: Monitor,
    kept: bool,
) -> FitResult:
    result = FitResult(net, rows, interrupted=interrupted, monitor=monitor.name)
    if rows:
        best = monitor.best(rows) if has_validation else rows[-1]
        result.best_score = best.get(monitor.column)
        result.best_epoch = best["epoch"]
        result.best_accuracy = best.get("val_accuracy")
        result.samples_seen = rows[-1]["samples_seen"]
        result.unique_seen = rows[-1].get("unique_seen")
        result.seconds = sum(row["seconds"] for row in rows)
        if kept:
            result.best_checkpoint = folder / (checkpoints.BEST if has_validation else checkpoints.LAST)
            result.last_checkpoint = folder / checkpoints.LAST
    return result


def _with_result(error: LeveretTrainingError, result: FitResult, best: bool) -> LeveretTrainingError:
    """The same error, which says what the net holds now and carries the result so far."""
    if not result.history:
        held = "no epoch was finished, and the net holds the weights that it began with"
    elif best:
        held = f"the net holds epoch {result.best_epoch}, the best of {len(result.history)} finished"
    else:
        held = f"the net holds epoch {len(result.history)}, the last finished"
    result.diverged = True
    told = LeveretTrainingError(f"{error}. Training stopped; {held}")
    told.result = result
    told.__cause__ = error
    return told


def _say_what_is_kept(result: FitResult, folder: Path | None, saved: bool) -> None:
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True)
    done = len(result.history)
    if folder is None:
        console.print(f"stopped after {done} epochs; nothing is kept, since no `out` folder was given")
        return
    if result.last_checkpoint is not None:
        console.print(f"stopped; {result.last_checkpoint} holds epoch {done}: the same call goes on from there")
    if saved:
        console.print(f"{folder / checkpoints.INTERRUPTED} holds the weights of this moment")


@contextmanager
def _sharing_tensors(settings: dict[str, Any]) -> Iterator[None]:
    """Let spawned processes get tensors through files: through descriptors, those that share memory come twice."""
    before = torch.multiprocessing.get_sharing_strategy()
    if "spawn" in str(settings.get("strategy", "")):
        torch.multiprocessing.set_sharing_strategy("file_system")
    try:
        yield
    finally:
        torch.multiprocessing.set_sharing_strategy(before)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without Lightning's notices on hardware, workers and tips, which say nothing of the user's data."""
    names = ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero", "pytorch_lightning.accelerators.cuda")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric")
            warnings.filterwarnings("ignore", message=r".*(num_workers|LeafSpec|Checkpoint directory).*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
