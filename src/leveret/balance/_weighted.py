"""Losses that weigh samples: by their class, and by how sure the net is of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.balance._losses import checked_weights, fitting, labelled, mean_of
from leveret.errors import LeveretUsageError
from leveret.training import Batch

__all__ = ["FocalLoss", "WeightedCrossEntropy"]


class WeightedCrossEntropy:
    """Cross-entropy, each sample's times the weight of its class: `1/n Σ w_y (−log p_y)` over the labelled samples.

    Torch's own weighted loss, which `CrossEntropy(class_weights=…)` takes, divides by the sum of the batch's weights
    instead of n. What a rare sample weighs then depends on what else is in its batch, and a batch of one class alone is
    as if there were no weights. Here a weight means the same in every batch, and the mean over an epoch is the weighted
    mean over the data.

    With the weights of `effective_number_weights` this is the class-balanced loss (Cui et al., 2019, eq. 4).

    Args:
        weights: `(num_classes,)` of at least 0, from `class_weights` or `effective_number_weights`.
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1).

    Raises:
        LeveretUsageError: weights that aren't finite or below 0; when called, not as many as the logits.
    """

    def __init__(self, weights: Tensor, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise LeveretUsageError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
        self.weights = checked_weights(weights)
        self.label_smoothing = label_smoothing

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits, labels, _ = labelled(net, batch)
        weights = fitting(self.weights, logits)[labels]
        losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=self.label_smoothing)
        return {"weighted_cross_entropy": mean_of(weights * losses)}

    def __repr__(self) -> str:
        return f"WeightedCrossEntropy({[round(float(w), 3) for w in self.weights]})"


class FocalLoss:
    """`−α_y (1 − p)^γ log p`, p the probability of the true class; the mean over the labelled samples.

    Samples that the net is sure of count less, so that many easy ones don't outweigh a few hard ones (Lin et al.,
    "Focal loss for dense object detection", ICCV 2017, eq. 4, and eq. 5 with α). The paper has a sigmoid for each class
    and divides by the number of objects in an image; this is the softmax form, for any number of classes, and the mean
    over samples. γ = 0 is cross-entropy.

    Args:
        gamma: γ, at least 0; 2 in the paper.
        class_weights: α, `(num_classes,)` of at least 0; None: 1 for all.

    Raises:
        LeveretUsageError: gamma or weights out of range; when called, not as many weights as logits.
    """

    def __init__(self, gamma: float = 2.0, class_weights: Tensor | None = None) -> None:
        if not (math.isfinite(gamma) and gamma >= 0):
            raise LeveretUsageError(f"gamma must be at least 0, got {gamma}")
        self.gamma = gamma
        self.class_weights = None if class_weights is None else checked_weights(class_weights)

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits, labels, _ = labelled(net, batch)
        losses = F.cross_entropy(logits, labels, reduction="none")
        if self.gamma:
            # log(1 − p) from the other classes: 1 − p itself rounds to 0, where a power below 1 has no gradient
            others = logits.scatter(1, labels[:, None], -math.inf)
            log_rest = others.logsumexp(1) - logits.logsumexp(1)
            losses = torch.exp(self.gamma * log_rest) * losses
        if self.class_weights is not None:
            losses = fitting(self.class_weights, logits)[labels] * losses
        return {"focal": mean_of(losses)}

    def __repr__(self) -> str:
        weighted = "" if self.class_weights is None else f", {[round(float(w), 3) for w in self.class_weights]}"
        return f"FocalLoss(gamma={self.gamma:g}{weighted})"
