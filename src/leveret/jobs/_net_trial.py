"""What the trainings of one net that `fit` starts have in common, whatever the net learns: what is kept, and when."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._files import replacing
from leveret.errors import LeveretPackError, LeveretTrainingError
from leveret.training._task import Task

__all__ = ["NetTrial", "as_far_as_it_went", "outcome", "save_net", "size_if_packed"]


@dataclass(frozen=True)
class NetTrial(Task):
    """All that the training of one net needs.

    Attributes:
        recipe: makes the net and knows how it is trained.
        provenance: for the packed model.
        model: where that goes.
    """

    recipe: Any
    provenance: Mapping[str, Any]
    model: Path

    @property
    def weights(self) -> Path:
        return self.folder / "net.safetensors"

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)


def as_far_as_it_went(train: Callable[[], Any]) -> tuple[Any, bool]:
    """What a training gave, and whether it diverged: then its best epoch counts, if there was one.

    Raises:
        LeveretTrainingError: it diverged in its first epoch.
        KeyboardInterrupt: Ctrl-C stopped it.
    """
    try:
        result, diverged = train(), False
    except LeveretTrainingError as error:
        if error.result is None or not error.result.history:
            raise
        result, diverged = error.result, True
    if result.interrupted:
        raise KeyboardInterrupt
    return result, diverged


def size_if_packed(pack: Callable[[], None], model: Path) -> tuple[int | None, list[str]]:
    """Bytes of the model that `pack` writes, without a note; or None, and the reason as a note."""
    try:
        pack()
    except LeveretPackError as error:
        return None, [f"not packed: {error}"]
    return model.stat().st_size, []


def outcome(net: Any, result: Any, *, diverged: bool, packed_bytes: int | None, notes: list[str]) -> dict[str, Any]:
    """What a finished trial says of itself.

    Args:
        net, result: the trained net, and what `fit` gave.
        diverged, packed_bytes, notes: from `as_far_as_it_went` and `size_if_packed`.
    """
    from leveret.nets import parameter_count

    return {
        "bytes": packed_bytes,
        "parameters": parameter_count(net),
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "samples_seen": result.samples_seen,
        "diverged": diverged,
        "notes": notes,
        "history": result.history,
    }


def save_net(net: Any, path: Path) -> None:
    """The net's weights, written whole."""
    from safetensors.torch import save_file

    with replacing(path) as beside:
        save_file({name: value.contiguous() for name, value in net.state_dict().items()}, beside)
