"""What the objectives of this room share: whose losses are meant, and their mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.training import Batch
from leveret.training._batch import UNLABELLED

__all__ = ["checked_weights", "fitting", "labelled", "mean_of"]


def labelled(net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Logits `(n, num_classes)`, labels and indices `(n,)` of the samples that have a label (not −100).

    The net's logits are left in the batch; those given are at least float32, also where a net computes in bfloat16.
    """
    batch.logits = net(batch.inputs)
    logits = batch.logits if batch.logits.dtype == torch.float64 else batch.logits.float()
    known = batch.labels != UNLABELLED
    if bool(known.all()):
        return logits, batch.labels, batch.indices
    return logits[known], batch.labels[known], batch.indices[known]


def fitting(per_class: Tensor, logits: Tensor) -> Tensor:
    """What there is one of for each class, on the logits' device and of their dtype, if they have as many.

    Raises:
        LeveretUsageError: they haven't.
    """
    if logits.dim() != 2 or len(per_class) != logits.shape[1]:
        raise LeveretUsageError(
            f"the objective is for {len(per_class)} classes, the net gives logits {tuple(logits.shape)}: give the "
            "counts, or weights, of all classes that the net has"
        )
    return per_class.to(logits) if per_class.is_floating_point() else per_class.to(logits.device)


def mean_of(losses: Tensor) -> Tensor:
    """The mean of samples' losses; of none 0, which still leads back to the net."""
    return losses.sum() / max(len(losses), 1)


def checked_weights(weights: Tensor) -> Tensor:
    """Weights of classes, `(num_classes,)` float32.

    Raises:
        LeveretUsageError: not a row of numbers, not finite, below 0, or all 0.
    """
    try:
        found = torch.as_tensor(weights, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError):
        found = torch.empty(0)
    if found.dim() != 1 or len(found) < 2 or not found.isfinite().all() or (found < 0).any() or not found.any():
        raise LeveretUsageError(
            f"class weights must be (num_classes,) finite numbers of at least 0, not all 0; got {weights!r}"
        )
    return found
