"""Trainings that are kept: one that was finished is read back, one that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from leveret._files import replacing, write_json
from leveret.training import fit

__all__ = ["Stage", "finished", "kept", "read", "seconds_spent", "trained"]


@dataclass(frozen=True)
class Stage:
    """What a training left.

    Attributes:
        net: trained, in eval mode.
        seconds: that it took, when it ran.
        epochs: of it.
        val_error: of the weights that were kept, on the validation part; a fraction.
    """

    net: nn.Module
    seconds: float
    epochs: int
    val_error: float


def trained(net: nn.Module, data: Any, folder: Path, **options: Any) -> Stage:
    """Train `net` in place by `leveret.fit`, or give it the weights that this did before.

    Args:
        net: as it is when the training begins; the same in every call.
        data: from `leveret.load`.
        folder: of this training alone.
        options: of `fit`.
    """
    weights = folder / "net.pt"
    if not (folder / "training.json").exists():
        result = fit(net, data, out=folder, progress=False, stage=folder.name, **options)
        if result.interrupted:
            raise KeyboardInterrupt
        with replacing(weights) as temporary:
            torch.save(net.state_dict(), temporary)
        row = result.history[(result.best_epoch or 0) - 1 if options.get("keep_best", True) else -1]
        finished(folder, result.seconds, len(result.history), 1 - row["val_accuracy"])
    net.load_state_dict(torch.load(weights, weights_only=True))
    return Stage(net.eval(), **read(folder))


def finished(folder: Path, seconds: float, epochs: int, val_error: float) -> None:
    """Note that a training is over; its weights must be in `folder`."""
    write_json(folder / "training.json", {"seconds": seconds, "epochs": epochs, "val_error": val_error})


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was found before, or what `make` finds, as it stands in the JSON file `path`."""
    if not path.exists():
        write_json(path, make())
    return json.loads(path.read_text(encoding="utf-8"))


def read(folder: Path) -> dict[str, Any]:
    """What `finished` noted."""
    return json.loads((folder / "training.json").read_text(encoding="utf-8"))


def seconds_spent(folder: Path) -> float:
    """On all trainings that were finished in a folder and those below, whenever they ran."""
    return sum(read(path.parent)["seconds"] for path in folder.rglob("training.json"))
