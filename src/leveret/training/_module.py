"""The bridge to Lightning: a net and an objective as one `LightningModule`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassStatScores

from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.training._batch import UNLABELLED, Batch
from leveret.training._tags import checked_emissions, sentence_losses, tag_paths
from leveret.training._unique import UniqueSamples
from leveret.training.metrics._entities import EntityMeter

__all__ = ["LightningNet"]


class LightningNet(pl.LightningModule):
    """Trains `net` to minimise `objective`; measures loss and accuracy on both parts."""

    def __init__(
        self,
        net: nn.Module,
        objective: Any,
        optimizer: Any,
        schedule: Any,
        seed: int,
        samples: int,
        tags: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        # an objective that is a module is registered, and so trained, checkpointed and moved along
        self.objective = objective
        self._make_optimizer = optimizer
        self._make_schedule = schedule
        self._seed = seed
        # what keeps its weights within bounds
        self._bound: list[Any] = [module for module in net.modules() if callable(getattr(module, "constrain", None))]
        self.train_accuracy = MeanMetric()
        self.val_accuracy = MeanMetric()
        self.val_loss = MeanMetric()
        # made at the first batch, which tells the number of classes
        self.val_classes: MulticlassStatScores | None = None
        self.maps = False  # whether labels are masks
        self.tag_names = tags
        self.val_entities: EntityMeter | None = None
        self._losses: dict[str, MeanMetric] = {}
        self.samples_seen = 0
        # None where a checkpoint doesn't say which samples were seen before
        self.unique: UniqueSamples | None = UniqueSamples(samples)

    def configure_optimizers(self) -> Any:
        modules = [self.net] + ([self.objective] if isinstance(self.objective, nn.Module) else [])
        optimizer = self._make_optimizer(modules)
        schedule = self._make_schedule(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        # dropout and the like draw the same in a resumed run as in one that was never stopped
        torch.manual_seed(self._seed * 1_000_003 + self.current_epoch)
        for metric in (self.train_accuracy, *self._losses.values()):
            metric.reset()
        set_epoch = getattr(self.objective, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(self.current_epoch, self.trainer.max_epochs)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        losses = self.objective(self.net, batch)
        total = torch.stack(list(losses.values())).sum()
        size = len(batch.labels)
        if not torch.isfinite(total):
            raise LeveretTrainingError(
                f"the loss became {float(total.detach())} in epoch {self.current_epoch + 1}, batch {batch_index + 1}; "
                "a lower lr or gradient_clip=1.0 usually helps"
            )
        with torch.no_grad():
            for name, value in (("loss", total), *losses.items()):
                self._loss(name).update(value.detach(), size)
            if batch.logits is not None:
                known = batch.labels != UNLABELLED
                if labelled := int(known.sum()):
                    self.train_accuracy.update(_correct(batch.logits, batch.labels, labelled), labelled)
        self.samples_seen += size * self.trainer.world_size
        if self.unique is not None:
            self.unique.add(batch.indices)
        return total

    def optimizer_step(self, *args: Any, **options: Any) -> None:
        super().optimizer_step(*args, **options)
        for module in self._bound:
            module.constrain()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        # an epoch's last update may break weights behind a loss that was still finite: no checkpoint may hold them
        if self.trainer.is_last_batch and (broken := _first_broken(self.net)):
            raise LeveretTrainingError(
                f"{broken} became infinite or NaN in epoch {self.current_epoch + 1}; a lower lr or gradient_clip=1.0 "
                "usually helps"
            )

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        if batch.labels.dim() == 2:
            self._validate_tags(batch)
            return
        logits = self.net(batch.inputs)
        # of images with masks each pixel counts
        size = int((batch.labels != UNLABELLED).sum())
        if not size:
            return
        if batch.labels.dim() > 1:
            check_maps(logits, batch.labels)
            self.maps = True
        self.val_loss.update(F.cross_entropy(logits, batch.labels, ignore_index=UNLABELLED), size)
        self.val_accuracy.update(_correct(logits, batch.labels, size), size)
        if self.val_classes is None:
            metric = MulticlassStatScores(logits.shape[1], average=None, ignore_index=UNLABELLED, validate_args=False)
            self.val_classes = metric.to(self.device)
        self.val_classes.update(logits, batch.labels)

    def _validate_tags(self, batch: Batch) -> None:
        """Count what the net says of sentences that all have tags; those without any are passed over."""
        emissions = checked_emissions(self.net(batch.inputs), batch.labels)
        lengths = (batch.labels != UNLABELLED).sum(1)
        labels = [row[:n] for row, n in zip(batch.labels.cpu().numpy(), lengths.tolist(), strict=True)]
        tokens = int(lengths.sum())
        if not tokens:
            return
        losses = sentence_losses(self.net, emissions, batch.labels)[lengths > 0]
        paths = tag_paths(self.net, emissions, lengths)
        self.val_loss.update(losses.sum() / tokens, tokens)
        right = sum(int((path == own).sum()) for path, own in zip(paths, labels, strict=True))
        self.val_accuracy.update(right / tokens, tokens)
        if self.tag_names is not None:
            if self.val_entities is None:
                self.val_entities = EntityMeter(self.tag_names)
            self.val_entities.update(paths, labels)

    def on_validation_epoch_end(self) -> None:
        if self.val_entities is not None:
            self.log("val_f1", self.val_entities.compute().f1)
            self.val_entities = None
        self.log("val_loss", self.val_loss.compute())
        self.log("val_accuracy", self.val_accuracy.compute())
        self.val_loss.reset()
        self.val_accuracy.reset()
        if self.val_classes is not None:
            counts = self.val_classes.compute()
            self.log("val_balanced_accuracy", _balanced(counts))
            if self.maps:
                self.log("val_miou", _mean_iou(counts))
            self.val_classes.reset()

    def on_train_epoch_end(self) -> None:
        for name, value in self.train_summary().items():
            self.log(f"train_{name}", value)

    def train_summary(self) -> dict[str, float]:
        """The epoch's losses, and its accuracy on labelled samples if there were any and the objective left logits."""
        summary = {name: float(metric.compute()) for name, metric in self._losses.items()}
        if self.train_accuracy.update_called:
            summary["accuracy"] = float(self.train_accuracy.compute())
        return summary

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["samples_seen"] = self.samples_seen
        if self.unique is not None:
            checkpoint["unique_samples"] = self.unique.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.samples_seen = checkpoint.get("samples_seen", 0)
        state = checkpoint.get("unique_samples")
        if state is None or self.unique is None or not self.unique.restore(state):
            self.unique = None

    def _loss(self, name: str) -> MeanMetric:
        if name not in self._losses:
            self._losses[name] = MeanMetric().to(self.device)
        return self._losses[name]


def _correct(logits: Tensor, labels: Tensor, labelled: int) -> Tensor:
    """Share of the labelled ones that are right; what has no label is never said."""
    return (logits.argmax(1) == labels).sum() / labelled


def _balanced(counts: Tensor) -> Tensor:
    """The mean recall of the classes that occur, from each class's true and false positives and negatives."""
    found, there = counts[:, 0].double(), counts[:, 4]
    return (found[there > 0] / there[there > 0]).mean()


def _mean_iou(counts: Tensor) -> Tensor:
    """The mean of the classes' intersections over unions, of those that occur or are said."""
    both, either = counts[:, 0].double(), counts[:, :2].sum(1) + counts[:, 3]
    return (both[either > 0] / either[either > 0]).mean()


def check_maps(logits: Any, labels: Tensor) -> None:
    """Masks need a net of maps.

    Raises:
        LeveretUsageError: its outputs are something else, or of another size.
    """
    shape = tuple(getattr(logits, "shape", ()))
    if len(shape) != 4 or (shape[0], *shape[2:]) != tuple(labels.shape):
        n, height, width = labels.shape
        raise LeveretUsageError(
            f"for masks a net gives logits (batch, classes, height, width) of its images' size, here ({n}, classes, "
            f"{height}, {width}); got {shape or type(logits).__name__}"
        )


def _first_broken(net: nn.Module) -> str | None:
    """The first parameter or statistic that isn't finite, if any."""
    for name, value in net.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            return name
    return None
