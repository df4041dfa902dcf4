"""What tells the best epoch: accuracy, balanced accuracy or loss on the validation part; and a word on skewed data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from leveret._skew import SKEWED, Skew, class_counts, skew_of
from leveret.errors import LeveretUsageError, SkewWarning
from leveret.metrics import Evaluation
from leveret.training._checkpoints import read_checkpoint

__all__ = ["MONITORS", "Monitor", "MonitorName", "monitor_for", "training_skew", "warn_of_skew"]

MonitorName = Literal["accuracy", "balanced_accuracy", "loss", "miou", "f1"]


class Monitor(NamedTuple):
    """A column of the history, and which way it is better."""

    name: MonitorName
    column: str
    mode: Literal["max", "min"]

    def best(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The best row, the first of equals; one whose value is NaN is the worst."""
        sign = 1 if self.mode == "max" else -1
        return max(rows, key=lambda row: -math.inf if math.isnan(row[self.column]) else sign * row[self.column])

    def of(self, evaluation: Evaluation) -> float:
        """The same figure of an evaluation."""
        if self.name == "balanced_accuracy":
            there = evaluation.confusion.sum(1) > 0
            return float(evaluation.recall[there].mean())
        return evaluation.loss if self.name == "loss" else evaluation.accuracy


MONITORS: Mapping[str, Monitor] = {
    "accuracy": Monitor("accuracy", "val_accuracy", "max"),
    "balanced_accuracy": Monitor("balanced_accuracy", "val_balanced_accuracy", "max"),
    "loss": Monitor("loss", "val_loss", "min"),
    "miou": Monitor("miou", "val_miou", "max"),
    "f1": Monitor("f1", "val_f1", "max"),
}


def monitor_for(asked: str, skew: Skew | None, start: Path | None, masks: bool = False, tags: bool = False) -> Monitor:
    """The monitor of a run.

    Args:
        asked: a monitor's name, or "auto": what a resumed run began with; else balanced accuracy on skewed data.
        skew: of the training part.
        masks, tags: whether the data is images with masks, or sentences with tags.
        start: the checkpoint that the run goes on from. Those of before there was a choice went by accuracy.

    Raises:
        LeveretUsageError: no such monitor, or the run began with another: its best epoch's weights are gone then.
    """
    if asked != "auto" and asked not in MONITORS:
        raise LeveretUsageError(f"monitor must be 'auto', {', '.join(map(repr, MONITORS))}; got {asked!r}")
    if start is not None:
        history = read_checkpoint(start).get("callbacks", {}).get("History", {})
        if history.get("rows"):
            began = history.get("monitor", "accuracy")
            if asked not in ("auto", began):
                raise LeveretUsageError(
                    f"{start} is of a run that keeps the epoch of the best {_words(began)}, and monitor is {asked!r}; "
                    f"go on with monitor={began!r}, or begin anew with resume=False"
                )
            return MONITORS[began]
    if asked == "auto" and masks:
        asked = "miou"
    if asked == "auto" and tags:
        asked = "f1"
    if asked == "f1" and not tags:
        raise LeveretUsageError("monitor 'f1' is of entities, in sentences with tags; these have labels")
    if asked == "balanced_accuracy" and tags:
        raise LeveretUsageError("sentences with tags have the monitors 'f1', 'accuracy' and 'loss'")
    if asked == "miou" and not masks:
        raise LeveretUsageError("monitor 'miou' is of images with masks; these have labels")
    if asked == "auto":
        asked = "balanced_accuracy" if skew is not None and skew.skewed else "accuracy"
    return MONITORS[asked]


def training_skew(train: Any) -> Skew | None:
    """How skewed the labels of a part are; None where it has none."""
    return skew_of(class_counts(train.labels))


def warn_of_skew(skew: Skew, data: Any, name: str, stacklevel: int) -> None:
    """Say that accuracy alone misleads here, what the majority vote reaches, and what to use instead.

    Args:
        skew: of the training part.
        data: what is trained on.
        name: of the run's monitor.
        stacklevel: the caller whose line the warning names, as for `warnings.warn`.
    """
    classes = getattr(data, "classes", None)
    rarest, most = (repr(classes[c]) if classes is not None else f"{c}" for c in (skew.least, skew.most))
    vote = ""
    if len(data.val):
        labels = np.asarray(data.val.labels)
        vote = (
            f" Always saying {most} is right for {(labels == skew.most).mean():.1%} of the validation part. The best "
            f"epoch is that of the best {_words(name)}."
        )
    warnings.warn(
        f"class {rarest} is rarer than 1:{SKEWED}: {skew.least_count:,} training samples, {skew.in_words} of class "
        f"{most}, so accuracy alone misleads.{vote} Look at balanced accuracy and at the area below the "
        "precision-recall curve (leveret.training.metrics.measure), and see leveret.balance for training that heeds "
        "the rare class. monitor='accuracy' goes by accuracy, without this warning",
        SkewWarning,
        stacklevel=stacklevel + 1,
    )


def _words(name: str) -> str:
    return f"validation {name.replace('_', ' ')}"
