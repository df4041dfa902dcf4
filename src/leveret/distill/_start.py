"""How a student begins that learns from standardised logits."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import nn

from leveret.errors import LeveretUsageError

__all__ = ["standard_start"]


def standard_start(classifier: nn.Linear, mean: ArrayLike, std: ArrayLike) -> nn.Linear:
    """Let a last layer speak in the teacher's scale from the start: weights times σ, bias μ; gives the layer back.

    A student of logits with mean μ and deviation σ per class, freshly drawn, answers near 0 with deviations near 1. By
    this its answers have the targets' own, and `Distillation(…, standardize=(μ, σ))` begins at the loss that the
    paper's student of (t − μ)/σ has (Urban et al., ICLR 2017, section 2).

    Args:
        classifier: the layer that gives the logits, changed in place.
        mean, std: `(num_classes,)`, as a `TransferSet` has them.

    Raises:
        LeveretUsageError: the layer has no bias, or not as many outputs as there are classes.
    """
    shift, scale = (torch.as_tensor(row, dtype=classifier.weight.dtype) for row in (mean, std))
    if classifier.bias is None:
        raise LeveretUsageError("the last layer needs a bias, which begins as the logits' mean")
    if not shift.shape == scale.shape == (classifier.out_features,):
        raise LeveretUsageError(
            f"the last layer has {classifier.out_features} outputs, mean and std are of {tuple(shift.shape)} and "
            f"{tuple(scale.shape)}"
        )
    with torch.no_grad():
        classifier.weight.mul_(scale[:, None])
        classifier.bias.copy_(shift)
    return classifier
