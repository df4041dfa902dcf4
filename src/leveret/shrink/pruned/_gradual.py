"""Pruning while a net trains: more and more of it, so that what is left can make up for each part that goes."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from leveret.errors import LeveretUsageError
from leveret.shrink.pruned._layers import pruned_layers
from leveret.shrink.pruned._masks import best_per_layer, best_together
from leveret.shrink.pruned._prune import Scope, worth_of

__all__ = ["GradualPruning"]


class GradualPruning(pl.Callback):
    """Raise the sparsity of a net's pruned layers over a training, by magnitude (Zhu & Gupta, 2017, eq. 1).

    `s(t) = s_f + (s_i − s_f) (1 − t)³` with t from 0 at `begin` to 1 at `end`: much goes early, while there is much,
    and little towards the end, where each weight counts.

    Args:
        sparsity: s_f, the share of the weights that is gone in the end, in [0, 1).
        initial: s_i, at the beginning.
        begin, end: of the pruning, as shares of the whole training: 0 ≤ begin < end ≤ 1. What follows tunes.
        every: steps of training between two prunings.
        scope: whether all layers' weights are ranked together ("net"), or each layer's for itself ("layer").

    The net's layers must be pruned ones: `prune(net, 0.0)` makes them. Train with `keep_best=False`, since the best
    epoch may be one with more weights left. What is due follows from the step alone, so that a resumed run goes on.

    Raises:
        LeveretUsageError: an argument out of range; when training begins, a net without pruned layers.

    Example:
        >>> net = prune(net, 0.0)
        >>> pruning = GradualPruning(0.95)
        >>> leveret.fit(net, data, epochs=20, keep_best=False, trainer_args={"callbacks": [pruning]})
    """

    def __init__(
        self,
        sparsity: float,
        *,
        initial: float = 0.0,
        begin: float = 0.0,
        end: float = 0.75,
        every: int = 50,
        scope: Scope = "net",
    ) -> None:
        for name, value in (("sparsity", sparsity), ("initial", initial)):
            if not 0 <= value < 1:
                raise LeveretUsageError(f"{name} must be in [0, 1), got {value}")
        if not 0 <= begin < end <= 1:
            raise LeveretUsageError(f"begin and end must be 0 <= begin < end <= 1, got {begin} and {end}")
        if every < 1:
            raise LeveretUsageError(f"every must be at least 1 step, got {every}")
        if scope not in ("net", "layer"):
            raise LeveretUsageError(f"scope must be 'net' or 'layer', got {scope!r}")
        self.sparsity = sparsity
        self.initial = initial
        self.begin = begin
        self.end = end
        self.every = every
        self.scope = scope

    def due(self, progress: float) -> float:
        """The sparsity that is due when the share `progress` of the training is done."""
        t = min(max((progress - self.begin) / (self.end - self.begin), 0.0), 1.0)
        return self.sparsity + (self.initial - self.sparsity) * (1 - t) ** 3

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if not any(pruned_layers(pl_module)):
            raise LeveretUsageError("the net has no pruned layer to prune further; begin with net = prune(net, 0.0)")

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        total = trainer.estimated_stepping_batches
        progress = trainer.global_step / total
        last = trainer.global_step == round(self.end * total) or trainer.global_step == total
        if progress < self.begin or not (trainer.global_step % self.every == 0 or last):
            return
        layers = list(pruned_layers(pl_module))
        worth = worth_of(pl_module, layers, "magnitude", None, "cross-entropy")
        masks = (best_together if self.scope == "net" else best_per_layer)(worth, self.due(progress))
        for (_, layer), mask in zip(layers, masks, strict=True):
            layer.keep(mask)
