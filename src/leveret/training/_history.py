"""The table of epochs: kept in memory, in every checkpoint, and in `history.csv`."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from leveret._files import write_text

__all__ = ["History"]


class History(pl.Callback):
    """Adds a row at the end of each epoch.

    Attributes:
        rows: a dict per finished epoch: `stage`, `epoch` (from 1), `train_loss` and the other losses, `train_accuracy`,
            `val_loss`, `val_accuracy`, `val_balanced_accuracy` (the mean of the recalls of the classes that occur;
            fractions; absent without a validation part, and the last in rows of before it was measured), of masks
            `val_miou`, of tags `val_f1`, `lr` at the epoch's end, `seconds` spent on the epoch, `samples_seen` since
            the beginning, `unique_seen`: different ones among them.
        monitor: what tells the best epoch of this run; kept in its checkpoints.
    """

    def __init__(self, stage: str, path: Path | None, monitor: str = "accuracy") -> None:
        self.stage = stage
        self.monitor = monitor
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        row: dict[str, Any] = {"stage": self.stage, "epoch": trainer.current_epoch + 1}
        row |= {f"train_{name}": value for name, value in pl_module.train_summary().items()}
        for name in ("val_loss", "val_accuracy", "val_balanced_accuracy", "val_miou", "val_f1"):
            if name in trainer.callback_metrics:
                row[name] = float(trainer.callback_metrics[name])
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        row["seconds"] = time.perf_counter() - self._started
        row["samples_seen"] = pl_module.samples_seen
        if pl_module.unique is not None:
            row["unique_seen"] = pl_module.unique.count()
        self.rows.append(row)
        if self.path is not None and trainer.is_global_zero:
            write_text(self.path, as_csv(self.rows))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "monitor": self.monitor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV with a header of all their keys."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
