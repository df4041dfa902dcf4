"""Objectives: what training minimises. Each is called with the net and a batch and gives a named dict of losses.

The sum of the losses is minimised, each is logged under its name. An objective may leave `batch.logits`, from which
the training accuracy is counted. An objective that is itself an `nn.Module` has its parameters trained along.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.training._batch import UNLABELLED, Batch

__all__ = ["CrossEntropy", "Distillation", "Objective", "StoredLogits"]


class Objective(Protocol):
    """Called with a net and a batch; returns named scalar losses whose sum is minimised."""

    def __call__(self, net: nn.Module, batch: Batch, /) -> dict[str, Tensor]: ...


@runtime_checkable
class StoredLogits(Protocol):
    """A teacher's logits that stand somewhere, such as those of a transfer set on disk."""

    def fetch(self, indices: NDArray[np.int64], /) -> NDArray[np.float32]:
        """The rows of the samples at `indices`, `(n, num_classes)` float; an error for a sample that has none."""
        ...


class CrossEntropy:
    """Cross-entropy with the labels, of those samples of a batch that have one (not −100); 0 where none has.

    Args:
        label_smoothing: share of the target spread evenly over all classes, in [0, 1) (Szegedy et al., 2016,
            section 7).
        class_weights: `(num_classes,)`, a weight per class.
    """

    def __init__(self, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> None:
        if not 0 <= label_smoothing < 1:
            raise LeveretUsageError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        loss = _cross_entropy(
            batch.logits, batch.labels, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        return {"cross_entropy": loss}

    def __repr__(self) -> str:
        return f"CrossEntropy(label_smoothing={self.label_smoothing})"


class Distillation:
    """Learn from a teacher's outputs, computed on the same (augmented) batch, or stored beforehand.

    A teacher that sees just what the student sees teaches best (Beyer et al., "Knowledge distillation: a good teacher
    is patient and consistent", CVPR 2022, section 3.1), but its forward pass can cost as much as the student's step.
    Logits stored once per sample (`logits_of`) cost nothing; they suit augmentations that leave a sample what it is.

    Two forms:

    - "temperature" (Hinton et al., 2015, section 2): `T² KL(softmax(t/T) ‖ softmax(s/T))`, averaged over the batch;
    - "logits" (Ba & Caruana, 2014, eq. 2; Urban et al., 2017): `½ ‖s − t‖²` averaged over batch and classes,
      with the teacher's logits centred on their mean over the classes, since softmax doesn't see that mean.

    With `standardize`, "logits" is the regression of Urban et al. (ICLR 2017, section 2) on logits that have mean 0
    and deviation 1 per class over the transfer set: `½ ((s − t)/σ)²` averaged over batch and classes. The student
    still speaks in the teacher's own scale: the paper's student z answers (t − μ)/σ, which is this one with a fixed
    last layer `s = σz + μ` and the same loss, so that nothing need be undone when it is used, and μ cancels. The
    teacher's logits are not centred on their mean over the classes then, as each class has a mean of its own.

    Args:
        teacher: a trained net, run in eval mode without gradient; not a part of the student's checkpoints. Or its
            logits, `(samples, num_classes)` float, a row for each sample of the training part in order. Or anything
            that has them by `fetch(indices)`, as `StoredLogits`.
        form: "temperature" or "logits".
        temperature: T, above 0.
        hard_weight: in [0, 1]: the share of cross-entropy with the labels, of samples that have one (not −100); the
            rest is the teacher's.
        standardize: for "logits" alone, mean μ and deviation σ of the teacher's logits, `(num_classes,)` each.

    Raises:
        LeveretUsageError: an argument out of range; when called, a sample beyond the stored logits.
    """

    def __init__(
        self,
        teacher: nn.Module | Tensor | StoredLogits,
        form: Literal["temperature", "logits"] = "temperature",
        *,
        temperature: float = 4.0,
        hard_weight: float = 0.0,
        standardize: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        if form not in ("temperature", "logits"):
            raise LeveretUsageError(f"form must be 'temperature' or 'logits', got {form!r}")
        if not temperature > 0:
            raise LeveretUsageError(f"temperature must be above 0, got {temperature}")
        if not 0 <= hard_weight <= 1:
            raise LeveretUsageError(f"hard_weight must be in [0, 1], got {hard_weight}")
        if isinstance(teacher, Tensor) and (teacher.dim() != 2 or not teacher.is_floating_point()):
            raise LeveretUsageError(
                f"a teacher's logits must be (samples, num_classes) float, got {tuple(teacher.shape)} {teacher.dtype}"
            )
        if not isinstance(teacher, (nn.Module, Tensor, StoredLogits)):
            raise LeveretUsageError(
                f"a teacher is a net, its logits as a tensor, or what fetches them; got {type(teacher).__name__}"
            )
        self.teacher = teacher
        self.form = form
        self.temperature = temperature
        self.hard_weight = hard_weight
        self.std = None if standardize is None else _checked_std(standardize, form)

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        losses = {"distillation": (1 - self.hard_weight) * self._soft(batch.logits, self.targets(batch))}
        if self.hard_weight:
            losses["cross_entropy"] = self.hard_weight * _cross_entropy(batch.logits, batch.labels)
        return losses

    def targets(self, batch: Batch) -> Tensor:
        """The teacher's logits for the batch, `(batch, num_classes)`, without gradient."""
        if isinstance(self.teacher, Tensor):
            return self._stored(self.teacher, batch.indices)
        if not isinstance(self.teacher, nn.Module):
            rows = torch.from_numpy(np.asarray(self.teacher.fetch(batch.indices.cpu().numpy())))
            return rows.to(batch.indices.device)
        # a user may have left the teacher in training mode, where its batch statistics would move
        was_training = self.teacher.training
        self.teacher.eval()
        try:
            with torch.no_grad():
                return self.teacher(batch.inputs)
        finally:
            self.teacher.train(was_training)

    @staticmethod
    def _stored(logits: Tensor, indices: Tensor) -> Tensor:
        last = int(indices.max())
        if last >= len(logits):
            raise LeveretUsageError(
                f"the teacher's logits are of {len(logits)} samples, and the batch holds sample {last} (from 0)"
            )
        return logits.detach()[indices]

    def _soft(self, logits: Tensor, targets: Tensor) -> Tensor:
        if logits.shape != targets.shape:
            raise LeveretUsageError(
                f"teacher and student must have the same outputs, got {tuple(targets.shape)} and {tuple(logits.shape)}"
            )
        if self.std is not None:
            if len(self.std) != targets.shape[1]:
                raise LeveretUsageError(
                    f"standardize has {len(self.std)} classes, the teacher's logits {targets.shape[1]}"
                )
            std = self.std.to(logits.device)
            return 0.5 * F.mse_loss(logits / std, targets / std)
        if self.form == "logits":
            return 0.5 * F.mse_loss(logits, targets - targets.mean(1, keepdim=True))
        t = self.temperature
        log_student = F.log_softmax(logits / t, dim=1)
        log_teacher = F.log_softmax(targets / t, dim=1)
        return F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True) * t * t

    def __repr__(self) -> str:
        teacher = type(self.teacher).__name__
        if isinstance(self.teacher, Tensor):
            teacher = f"logits of {len(self.teacher)} samples"
        standardized = "" if self.std is None else ", standardized"
        return (
            f"Distillation({teacher}, {self.form!r}, temperature={self.temperature}, hard_weight={self.hard_weight}"
            f"{standardized})"
        )


def _cross_entropy(logits: Tensor, labels: Tensor, **settings: Any) -> Tensor:
    if (labels == UNLABELLED).all():
        # the mean over no sample would be NaN; this one still leads back to the net
        return 0 * logits.sum()
    return F.cross_entropy(logits, labels, ignore_index=UNLABELLED, **settings)


def _checked_std(standardize: tuple[ArrayLike, ArrayLike], form: str) -> Tensor:
    if form != "logits":
        raise LeveretUsageError(f"standardize is for form 'logits' alone, got it with {form!r}")
    mean, std = (torch.as_tensor(np.asarray(row), dtype=torch.float32) for row in standardize)
    if mean.dim() != 1 or mean.shape != std.shape or not (std > 0).all() or not torch.isfinite(mean).all():
        raise LeveretUsageError(
            "standardize must be the means and the deviations (above 0) of each class, got "
            f"{tuple(mean.shape)} and {tuple(std.shape)}" + ("" if (std > 0).all() else f", a deviation of {std.min()}")
        )
    return std
