"""What a run shows: a line for each epoch, and on a terminal a bar with the time left for the whole run."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["EpochProgress", "duration"]


class EpochProgress(pl.Callback):
    """A bar over all epochs of the run (not one epoch), and a line per finished epoch."""

    def __init__(self, stage: str, history: Any, console: Console | None = None, *, balanced: bool = False) -> None:
        self.stage = stage
        self.history = history
        self.console = console or Console(stderr=True)
        self.balanced = balanced  # whether balanced accuracy is shown beside accuracy
        self._progress: Progress | None = None
        self._task: Any = None
        self._started = 0.0
        self._done_before = 0
        self._loss: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._started = time.perf_counter()
        self._done_before = trainer.current_epoch * self._batches(trainer)
        if self._done_before and self.history.rows:
            self.console.print(f"[dim]{self.stage}: goes on after epoch {trainer.current_epoch}[/dim]")
        if not self.console.is_terminal or not trainer.is_global_zero:
            return
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
        )
        total = (trainer.max_epochs or 1) * self._batches(trainer)
        self._task = self._progress.add_task(self.stage, total=total, completed=self._done_before, note="", left="")
        self._progress.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._progress is None:
            return
        if batch_idx % 10 == 0 and outputs is not None:
            self._loss = float(outputs["loss"])
        done = trainer.current_epoch * self._batches(trainer) + batch_idx + 1
        self._progress.update(
            self._task,
            completed=done,
            note=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  loss {self._loss:.3f}",
            left=f"{duration(self._left(trainer, done))} left",
        )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if not trainer.is_global_zero or not self.history.rows:
            return
        row = self.history.rows[-1]
        line = f"{self.stage:<10} {row['epoch']:>3}/{trainer.max_epochs}  loss {row['train_loss']:.4f}"
        if "train_accuracy" in row:
            line += f"  train {100 * row['train_accuracy']:5.2f} %"
        if "val_accuracy" in row:
            line += f"  val {100 * row['val_accuracy']:5.2f} %"
        if self.balanced and "val_balanced_accuracy" in row:
            line += f"  balanced {100 * row['val_balanced_accuracy']:5.2f} %"
        if "val_miou" in row:
            line += f"  mIoU {100 * row['val_miou']:5.2f} %"
        if "val_f1" in row:
            line += f"  F1 {100 * row['val_f1']:5.2f} %"
        done = (trainer.current_epoch + 1) * self._batches(trainer)
        left = self._left(trainer, done)
        line += f"  {duration(row['seconds'])}" + (f"  {duration(left)} left" if left > 0 else "")
        self.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _left(self, trainer: pl.Trainer, done: int) -> float:
        """Seconds left, from the pace of this run, validation included."""
        here = max(done - self._done_before, 1)
        total = (trainer.max_epochs or 1) * self._batches(trainer)
        return (time.perf_counter() - self._started) / here * (total - done)

    @staticmethod
    def _batches(trainer: pl.Trainer) -> int:
        return max(int(trainer.num_training_batches), 1)


def duration(seconds: float) -> str:
    """Seconds as a short text: "0.8 s", "42 s", "3:05", "1:02:09"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
