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

__all__ = ["CrossEntropy", "Distillation", "Objective", "StoredLogits", "TakesSampleWeights"]


class Objective(Protocol):
    """Called with a net and a batch; returns named scalar losses whose sum is minimised.

    Only samples of the training part come; those without a label have −100. The losses' names stay the same in every
    batch, as each is the name of a curve.

    An objective that changes over the training has also

        def set_epoch(self, epoch: int, epochs: int) -> None

    which `fit` calls at the start of each epoch, before its first batch, in a resumed run too: `epoch` counts from 0,
    `epochs` is how many there are in all. What the objective is in an epoch should follow from these two alone. What
    it learns on the way must be in its state, as a module's buffers or extra state are, to outlive an interruption.
    """

    def __call__(self, net: nn.Module, batch: Batch, /) -> dict[str, Tensor]: ...


@runtime_checkable
class TakesSampleWeights(Protocol):
    """An objective in which some samples can count more than others."""

    def with_sample_weights(self, weights: ArrayLike, /) -> Objective:
        """The same objective, in which the training part's samples weigh `weights`, `(samples,)`, in their order."""
        ...


@runtime_checkable
class StoredLogits(Protocol):
    """A teacher's logits that stand somewhere, such as those of a transfer set on disk."""

    def fetch(self, indices: NDArray[np.int64], /) -> NDArray[np.float32]:
        """The rows of the samples at `indices`, `(n, num_classes)` float; an error for a sample that has none."""
        ...


class CrossEntropy:
    """Cross-entropy with the labels, of those samples of a batch that have one (not −100); 0 where none has.

    Of images with masks each pixel is such a sample.

    Args:
        label_smoothing: share of the target spread evenly over all classes, in [0, 1) (Szegedy et al., 2016,
            section 7).
        class_weights: `(num_classes,)`, a weight per class.
        sample_weights: `(samples,)`, a weight per sample of the training part, in its order, at least 0 and not all 0.
            They are divided by their mean, so that a learning rate fits as it does without them: the loss of a batch is
            `Σ wᵢ lᵢ / n`, whose mean over an epoch is the weighted mean over the samples.

    Raises:
        LeveretUsageError: an argument out of range; when called, a sample beyond the weights.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
        sample_weights: ArrayLike | None = None,
    ) -> None:
        if not 0 <= label_smoothing < 1:
            raise LeveretUsageError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.sample_weights = None if sample_weights is None else _checked_weights(sample_weights)

    def with_sample_weights(self, weights: ArrayLike) -> CrossEntropy:
        """The same with `sample_weights`."""
        return CrossEntropy(self.label_smoothing, self.class_weights, weights)

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch.logits = net(batch.inputs)
        settings: dict[str, Any] = {"weight": self.class_weights, "label_smoothing": self.label_smoothing}
        if self.sample_weights is None:
            return {"cross_entropy": _cross_entropy(batch.logits, batch.labels, **settings)}
        return {"cross_entropy": self._weighted(batch.logits, batch, **settings)}

    def _weighted(self, logits: Tensor, batch: Batch, **settings: Any) -> Tensor:
        assert self.sample_weights is not None
        last = int(batch.indices.max())
        if last >= len(self.sample_weights):
            raise LeveretUsageError(
                f"there are {len(self.sample_weights)} sample weights, and the batch holds sample {last} (from 0)"
            )
        known = batch.labels != UNLABELLED
        if not known.any():
            return 0 * logits.sum()
        labels = batch.labels[known]
        losses = F.cross_entropy(logits, batch.labels, reduction="none", ignore_index=UNLABELLED, **settings)[known]
        of_samples = self.sample_weights.to(logits.device)[batch.indices]
        # each pixel of a mask weighs as its image does
        weights = of_samples.view(-1, *[1] * (known.dim() - 1)).expand_as(known)[known]
        # as torch has it: class weights are divided by their own sum, which leaves the samples' to be divided by n
        share = torch.ones_like(losses) if self.class_weights is None else self.class_weights.to(losses)[labels]
        return (weights * losses).sum() / share.sum()

    def __repr__(self) -> str:
        return f"CrossEntropy(label_smoothing={self.label_smoothing})"


class Distillation:
    """Learn from a teacher's outputs, computed on the same (augmented) batch, or stored beforehand.

    A teacher that sees just what the student sees teaches best (Beyer et al., "Knowledge distillation: a good teacher
    is patient and consistent", CVPR 2022, section 3.1), but its forward pass can cost as much as the student's step.
    Logits stored once per sample (`logits_of`) cost nothing; they suit augmentations that leave a sample what it is.

    Of images with masks every pixel is a sample, also one without a label: the teacher knows what it takes it for.

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
        """The teacher's logits for the batch, `(batch, num_classes)`, or maps of them, without gradient."""
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
            std = self.std.to(logits.device).view(-1, *[1] * (logits.dim() - 2))
            return 0.5 * F.mse_loss(logits / std, targets / std)
        if self.form == "logits":
            return 0.5 * F.mse_loss(logits, targets - targets.mean(1, keepdim=True))
        t = self.temperature
        log_student = F.log_softmax(logits / t, dim=1)
        log_teacher = F.log_softmax(targets / t, dim=1)
        places = logits[:, 0].numel()  # samples, or all pixels of them
        return F.kl_div(log_student, log_teacher, reduction="sum", log_target=True) / places * t * t

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


def _checked_weights(weights: ArrayLike) -> Tensor:
    values = torch.as_tensor(np.asarray(weights), dtype=torch.float64)
    if values.dim() != 1 or not len(values):
        raise LeveretUsageError(f"sample weights must be (samples,), got {tuple(values.shape)}")
    bad = ~torch.isfinite(values) | (values < 0)
    if bad.any():
        i = int(bad.nonzero()[0])
        raise LeveretUsageError(f"sample weights must be finite and at least 0, got {values[i]} for sample {i}")
    if not values.any():
        raise LeveretUsageError("sample weights are all 0: nothing would be learned")
    return (values / values.mean()).float()


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
