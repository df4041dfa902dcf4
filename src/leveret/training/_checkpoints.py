"""Checkpoints: the best and the last epoch, and the moment of an interruption; and how a run finds them again.

In the folder of a run stand
- `last.ckpt`: everything at the end of the last finished epoch; a run resumes from it;
- `best.ckpt`: the same for the best epoch by the monitor (validation accuracy, say), the first of equals; only where
  there is a validation part;
- `interrupted.ckpt`: weights at the moment of Ctrl-C or an error, gone again once a later epoch is finished.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from leveret.errors import LeveretUsageError

__all__ = [
    "BEST",
    "INTERRUPTED",
    "LAST",
    "SaveOnInterruption",
    "epoch_checkpoints",
    "has_damaged_checkpoint",
    "load_weights",
    "read_checkpoint",
    "weights_for",
]

LAST = "last.ckpt"
BEST = "best.ckpt"
INTERRUPTED = "interrupted.ckpt"
_PREFIX = "net."


def epoch_checkpoints(
    folder: Path,
    has_validation: bool,
    monitor: str = "val_accuracy",
    mode: str = "max",
    weights_only: bool = False,
) -> list[ModelCheckpoint]:
    """Lightning's checkpoints, last and best, written at the end of each epoch.

    Args:
        folder: of the run.
        has_validation: whether there is a best one.
        monitor, mode: the logged value that tells it, and whether the "max" or the "min" of it is best.
        weights_only: leave the optimiser's state out, as when no run can resume from them.

    Two callbacks: `save_last=True` of a single one writes `last.ckpt` only after epochs that were the best so far.
    """
    every_epoch: dict[str, Any] = {
        "dirpath": folder,
        "save_top_k": 1,
        "save_on_train_epoch_end": True,
        "save_weights_only": weights_only,
        "enable_version_counter": False,
    }
    # the best one first: the other then notes which epoch was best, this one included, for a run that resumes from it
    found = []
    if has_validation:
        found.append(ModelCheckpoint(filename=Path(BEST).stem, monitor=monitor, mode=mode, **every_epoch))
    found.append(ModelCheckpoint(filename=Path(LAST).stem, **every_epoch))
    return found


class SaveOnInterruption(pl.Callback):
    """Writes `interrupted.ckpt` when a run is stopped in the middle of an epoch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / INTERRUPTED
        self.saved = False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self.path.unlink(missing_ok=True)

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        if not isinstance(exception, KeyboardInterrupt) or not trainer.is_global_zero or self.saved:
            return
        trainer.save_checkpoint(self.path, weights_only=True)
        self.saved = True


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint.

    Raises:
        LeveretUsageError: there is none at `path`, or it is damaged.
    """
    try:
        # plain tensors, numbers and texts only: a checkpoint from elsewhere can't run code
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise LeveretUsageError(f"there is no checkpoint at {path}") from None
    except Exception as error:
        raise LeveretUsageError(
            f"{path} is not a whole checkpoint ({type(error).__name__}); delete it to start anew"
        ) from error


def has_damaged_checkpoint(folder: str | Path) -> bool:
    """Whether the `last.ckpt` of a run in `folder` is there but can't be read, as a kill in mid-writing leaves it."""
    path = Path(folder) / LAST
    if not path.exists():
        return False
    try:
        read_checkpoint(path)
    except LeveretUsageError:
        return True
    return False


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """Load the net's weights from a checkpoint that `fit` wrote, into `net` itself; gives `net` back.

    Raises:
        LeveretUsageError: no checkpoint at `path`, damaged, or of a net with other layers or shapes.
    """
    net.load_state_dict(weights_for(net, Path(path)))
    return net


def weights_for(net: nn.Module, path: Path) -> dict[str, Any]:
    """The weights in a checkpoint, checked against the layers and shapes of `net`.

    Raises:
        LeveretUsageError: names the first layer that differs.
    """
    state = read_checkpoint(path).get("state_dict", {})
    weights = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
    own = net.state_dict()
    for name in [*own, *weights]:
        here = tuple(own[name].shape) if name in own else "missing"
        there = tuple(weights[name].shape) if name in weights else "missing"
        if here != there:
            raise LeveretUsageError(
                f"{path} was written for another net than this {type(net).__name__}: {name} is {there} in the file "
                f"and {here} in the net"
            )
    return weights
