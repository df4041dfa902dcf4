"""Logit adjustment: what the classes' frequencies say is added while training, or taken away afterwards.

A net that is trained plainly estimates `log p(x|y) + log p(y)`. For the balanced error, in which every class counts
alike, `log p(y)` has no place. It is taken from the logits of a trained net, or added to them in the loss, so that the
net itself learns to do without (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.balance._counts import log_prior
from leveret.balance._losses import fitting, labelled, mean_of
from leveret.errors import LeveretUsageError
from leveret.nets import final_linear
from leveret.training import Batch
from leveret.training._batch import UNLABELLED

__all__ = ["LogitAdjusted", "adjust_logits", "tune_tau"]

_TAUS = tuple(round(0.1 * i, 1) for i in range(31))


class LogitAdjusted:
    """Cross-entropy of `logits + τ log π`, π the classes' shares of the samples (Menon et al., 2021, eq. 10).

    The net's own logits, without the second term, are then those of balanced classes: use them as they are.

    Args:
        counts: `(num_classes,)`, training samples of each class, at least 1.
        tau: τ; 1 is consistent for the balanced error, 0 is cross-entropy.

    Raises:
        LeveretUsageError: a class without a sample, or τ that isn't finite; when called, other classes than the net's.
    """

    def __init__(self, counts: ArrayLike, tau: float = 1.0) -> None:
        self.tau = _checked(tau)
        self.shift = tau * log_prior(counts)

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits, labels, _ = labelled(net, batch)
        shifted = logits + fitting(self.shift, logits)
        return {"logit_adjusted": mean_of(F.cross_entropy(shifted, labels, reduction="none"))}

    def __repr__(self) -> str:
        return f"LogitAdjusted(tau={self.tau:g})"


def adjust_logits(net: nn.Module, counts: ArrayLike, tau: float = 1.0) -> nn.Module:
    """A copy of a plainly trained net that gives `logits − τ log π` (Menon et al., 2021, eq. 9).

    Where the net's logits come from a `Linear`, the shift goes into its bias, and costs nothing (one without a bias
    gets one); else the copy stands in a module that adds it. Either packs.

    Args:
        net: trained without `LogitAdjusted` or balanced sampling; stays as it is.
        counts: `(num_classes,)`, training samples of each class, at least 1.
        tau: τ; 1 is consistent for the balanced error where the net's probabilities are right; see `tune_tau`.

    Raises:
        LeveretUsageError: a class without a sample, τ that isn't finite, or a last layer of other classes.
    """
    shift = -_checked(tau) * log_prior(counts)
    made = copy.deepcopy(net)
    try:
        _, layer = final_linear(made, sure=True)
    except LeveretUsageError:
        return _Shifted(made, shift)
    if layer.out_features != len(shift):
        raise LeveretUsageError(
            f"counts are of {len(shift)} classes, the last layer of {type(net).__name__} has {layer.out_features}"
        )
    # a class of its own may compute its bias, or hold a weight that isn't plain
    if type(layer) is not nn.Linear or hasattr(layer, "parametrizations"):
        return _Shifted(made, shift)
    with torch.no_grad():
        if layer.bias is None:
            layer.bias = nn.Parameter(shift.to(layer.weight), layer.weight.requires_grad)
        else:
            layer.bias.add_(shift.to(layer.bias))
    return made


class _Shifted(nn.Module):
    """A net, and a constant that is added to its logits."""

    shift: Tensor

    def __init__(self, net: nn.Module, shift: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("shift", shift)
        self.train(net.training)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) + self.shift


def tune_tau(logits: ArrayLike, labels: ArrayLike, counts: ArrayLike, *, taus: Sequence[float] = _TAUS) -> float:
    """The τ for `adjust_logits` with which held-out samples have the best balanced accuracy; of equals the middle one.

    Args:
        logits: `(n, num_classes)` of held-out samples, from the net as it was trained; `training.logits_of` gives them.
        labels: `(n,)`, of at least two classes; −100 is left out.
        counts: `(num_classes,)`, training samples of each class, at least 1.
        taus: those that are tried, in order; 0, 0.1, … 3 as a rule.

    Raises:
        LeveretUsageError: a class without a training sample, shapes that differ, logits that aren't finite, labels of
            no class or of a single one, or no τ to try.
    """
    from leveret.training.metrics import balanced_accuracy

    z, y, prior = np.asarray(logits, dtype=np.float64), np.asarray(labels), log_prior(counts).double().numpy()
    if y.ndim != 1 or z.shape != (len(y), len(prior)):
        raise LeveretUsageError(
            f"logits must be (n, {len(prior)}), as counts has that many classes, and labels (n,); got {z.shape} and "
            f"{y.shape}"
        )
    z, y = z[y != UNLABELLED], y[y != UNLABELLED]
    if not np.isfinite(z).all():
        raise LeveretUsageError(f"logits must be finite; those of {int((~np.isfinite(z)).any(1).sum())} samples aren't")
    if not np.issubdtype(y.dtype, np.integer) or not ((y >= 0) & (y < len(prior))).all() or len(np.unique(y)) < 2:
        raise LeveretUsageError(
            f"labels must be whole numbers from 0 to {len(prior) - 1}, or −100, and at least two of them differ"
        )
    if not len(taus):
        raise LeveretUsageError("taus must hold at least one number")
    scores = np.array([balanced_accuracy(z - _checked(tau) * prior, y) for tau in taus])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(taus[int(best[len(best) // 2])])


def _checked(tau: float) -> float:
    if not math.isfinite(tau):
        raise LeveretUsageError(f"tau must be finite, got {tau}")
    return tau
