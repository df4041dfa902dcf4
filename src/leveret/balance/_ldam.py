"""LDAM with deferred re-weighting: rare classes are kept at a larger margin, and weighed up only at the end."""

from __future__ import annotations

import math
import warnings

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.balance._counts import checked_counts, effective_number_weights
from leveret.balance._losses import fitting, labelled, mean_of
from leveret.errors import LeveretUsageError, LeveretWarning
from leveret.nets import CosineLinear, final_linear, replaced_final
from leveret.training import Batch

__all__ = ["LDAM", "cosine_classifier"]


class LDAM:
    """Cross-entropy in which the true class must win by a margin, `Δ_y = C / n_y^(1/4)`; weighed by class at the end.

    Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss", NeurIPS 2019: the loss is eq.
    13, with C such that the rarest class has `max_margin`; from the epoch on before which `defer` of the training is
    done, each sample's loss is weighed by its class (algorithm 1, DRW).

    Margins are on the scale of cosines: the paper gives features and the last layer's weights length 1, and multiplies
    by s. Here the net does both, with a `CosineLinear` at its end, see `cosine_classifier`; and s times the margin is
    taken from its logits.

    Where we deviate: the deferred weights are by effective numbers, as in the paper's code (its algorithm has 1/n), and
    a batch's loss is divided by its samples, not by the sum of their weights, which has a mean of 1 here.

    Args:
        counts: `(num_classes,)`, training samples of each class, at least 1.
        max_margin: of the rarest class, at least 0; 0.5 in the paper.
        scale: s, above 0, that of the net's `CosineLinear`. For a net with another last layer: 1, margins of logits.
        defer: share of the epochs before the weights, in [0, 1]; 160 of 200 in the paper. 1: never any weights.
        beta: of `effective_number_weights`.

    Raises:
        LeveretUsageError: an argument out of range; when called, other classes or another scale than the net's.

    Warns:
        LeveretWarning: once, when called with a net without a `CosineLinear` and a scale other than 1.
    """

    def __init__(
        self,
        counts: ArrayLike,
        *,
        max_margin: float = 0.5,
        scale: float = 30.0,
        defer: float = 0.8,
        beta: float = 0.9999,
    ) -> None:
        if not (math.isfinite(max_margin) and max_margin >= 0):
            raise LeveretUsageError(f"max_margin must be a number of at least 0, got {max_margin}")
        if not (math.isfinite(scale) and scale > 0):
            raise LeveretUsageError(f"scale must be a number above 0, got {scale}")
        if not 0 <= defer <= 1:
            raise LeveretUsageError(f"defer must be in [0, 1], got {defer}")
        margins = torch.from_numpy(checked_counts(counts)) ** -0.25
        self.margins = (margins * (max_margin / margins.max())).float()
        self.scale = scale
        self.defer = defer
        self.weights = effective_number_weights(counts, beta)
        self.weighing = defer == 0
        self._warned = False

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Called by `fit` at the start of each epoch, from 0."""
        self.weighing = epoch >= self.defer * epochs

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        self._check_scale(net)
        logits, labels, _ = labelled(net, batch)
        margins = self.scale * fitting(self.margins, logits)[labels]
        apart = logits - F.one_hot(labels, logits.shape[1]) * margins[:, None]
        losses = F.cross_entropy(apart, labels, reduction="none")
        if self.weighing:
            losses = fitting(self.weights, logits)[labels] * losses
        return {"ldam": mean_of(losses)}

    def _check_scale(self, net: nn.Module) -> None:
        scales = {module.scale for module in net.modules() if isinstance(module, CosineLinear)}
        if scales and self.scale not in scales:
            raise LeveretUsageError(
                f"the net's CosineLinear has a scale of {scales.pop():g}, LDAM one of {self.scale:g}: give both one"
            )
        if not scales and self.scale != 1 and not self._warned:
            self._warned = True
            warnings.warn(
                f"LDAM's margins are of cosines times {self.scale:g}, and {type(net).__name__} has no CosineLinear: "
                "take balance.cosine_classifier(net), or scale=1 for margins of plain logits",
                LeveretWarning,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        return f"LDAM(margins up to {float(self.margins.max()):g}, scale={self.scale:g}, defer={self.defer:g})"


def cosine_classifier(net: nn.Module, scale: float = 30.0) -> nn.Module:
    """A copy of a net with a `CosineLinear` in the place of its last linear layer; it begins with that one's weights.

    Nothing is drawn: only the weights' directions count, which are what they were; a bias is left out.

    Args:
        net: trained or not; its logits come from a `Linear`.
        scale: of the `CosineLinear`, above 0.

    Raises:
        LeveretUsageError: the net's logits don't come from a linear layer, or scale isn't above 0.
    """
    _, layer = final_linear(net)
    made = CosineLinear(layer.in_features, layer.out_features, scale).to(layer.weight)
    with torch.no_grad():
        made.weight.copy_(layer.weight)
    return replaced_final(net, made.train(layer.training))
