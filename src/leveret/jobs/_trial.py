"""`Trial`: one net trained by a method of the balance catalogue, packed where it can be, and measured; kept whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from leveret.jobs._net_trial import save_net, size_if_packed
from leveret.metrics import Evaluation
from leveret.training._task import Task

__all__ = ["LOGITS", "Trial", "kept_evaluation", "load_trained"]

LOGITS = "logits.npz"
WEIGHTS = "net.safetensors"


@dataclass(frozen=True)
class Trial(Task):
    """A method's place in a comparison, and all that it trains with; goes to another process as it is.

    Attributes:
        key: of the method.
        recipe: a `FitRecipe`.
        options: of the method, in place of its defaults.
        provenance: for the packed model.
        model: where that goes; default: `model.lvr` in the folder.
    """

    recipe: Any
    options: Mapping[str, Any]
    provenance: Mapping[str, Any]
    model: Path = Path()

    def __post_init__(self) -> None:
        if self.model == Path():
            object.__setattr__(self, "model", self.folder / "model.lvr")

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    def trained_net(self) -> nn.Module:
        """The net of a finished trial whose method leaves the net as the recipe made it, in eval mode."""
        net = self.recipe.make_net()
        load_trained(net, self.folder)
        return net.eval()

    def whole(self) -> bool:
        return (self.folder / LOGITS).exists() and self.weights.exists()

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)

    def work(self, data: Any, plain: nn.Module | None = None, progress: bool = False) -> dict[str, Any]:
        """Train, pack, ask about the validation and the test part, and keep the answers.

        Args:
            data: from `leveret.load`.
            plain: a net that was trained plainly on it.
            progress: show a line an epoch.
        """
        from leveret._files import replacing
        from leveret.balance.catalogue import METHODS, BalancedTraining
        from leveret.jobs._packed_models import pack_net
        from leveret.jobs._rules import carried
        from leveret.nets import parameter_count
        from leveret.training import evaluate
        from leveret.training.metrics import balanced_accuracy

        method = METHODS[self.key]
        recipe = self.recipe
        training = BalancedTraining(
            data,
            recipe.epochs,
            seed=recipe.seed,
            out=self.folder / "training",
            batch_size=recipe.batch_size,
            lr=recipe.lr,
            augment=recipe.augment,
            make_net=recipe.make_net,
            recipe=recipe.fit_options,
            plain=plain,
            threads=self.threads,
            progress=progress,
        )
        net = method.make(training, **self.options)
        packed_bytes: int | None = None
        notes: list[str] = []
        if data.kind in ("image", "text"):
            said_of = {**self.provenance, "method": self.key}
            packed_bytes, notes = size_if_packed(
                lambda: pack_net(net, data, self.model, said_of, rules=carried(recipe.objective)), self.model
            )
        asked = {part: evaluate(net, data, part) for part in ("val", "test") if len(getattr(data, part))}
        logits: dict[str, Any] = {part: evaluation.logits for part, evaluation in asked.items()}
        with replacing(self.folder / LOGITS) as path, path.open("wb") as file:
            np.savez(file, **logits)
        save_net(net, self.weights)
        return {
            "balanced_accuracy": balanced_accuracy(asked["test"]),
            "bytes": packed_bytes,
            "parameters": parameter_count(net),
            "epochs": training.spent,
            "samples_seen": sum(row["samples_seen"] for row in _last_of_stages(training.history)),
            "diverged": training.diverged,
            "notes": notes,
            "history": training.history,
            **({"objective": recipe.objective.outcome()} if hasattr(recipe.objective, "outcome") else {}),
        }


def load_trained(net: nn.Module, folder: Path) -> None:
    """Give a net of the same make the weights that a finished trial keeps in `folder`."""
    from safetensors.torch import load_file

    net.load_state_dict(load_file(folder / WEIGHTS))


def kept_evaluation(folder: Path, data: Any, part: str) -> Evaluation | None:
    """The `Evaluation` of a finished trial on a part; None where the part is empty."""
    with np.load(folder / LOGITS) as kept:
        if part not in kept:
            return None
        return Evaluation(kept[part], np.asarray(getattr(data, part).labels, np.int64), tuple(data.classes))


def _last_of_stages(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last row of each stage, whose `samples_seen` is the stage's sum."""
    last = {}
    for row in history:
        last[row["stage"]] = row
    return list(last.values())
