"""The last layer fitted anew as a regularised logistic regression on the net's own features.

Features that a net learned from few samples fit these far better than others; a last layer trained on them without
bounds believes them. So its weights are kept small, as small as held-out samples say.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leveret.balance._last_layer import Rows, check_last
from leveret.balance._shares import check_power, wanted_shares
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.nets import CosineLinear, final_linear, replaced_final
from leveret.training._batch import UNLABELLED

__all__ = ["refit_classifier"]

_STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.1, 1.0)
_WITHOUT_VALIDATION = 0.01
_STEPS = 3000


def refit_classifier(
    net: nn.Module, data: Any, *, power: float = 1.0, strengths: Sequence[float] = _STRENGTHS
) -> nn.Module:
    """A copy of a trained net whose last layer is a logistic regression, as strong as the validation part likes best.

    As `retrain_classifier`, but to the optimum, and with an L2 penalty on the weights: features of the training part,
    brought to mean 0 and deviation 1, go to scikit-learn's `LogisticRegression`; of its inverse penalties `strengths`
    that with the least cross-entropy on the validation part is taken, classes weighed there as in training.

    Args:
        net: trained; its logits come from a `Linear`. Stays as it is.
        data: that it was trained on; only samples with a label (not −100) are taken.
        power: 1 weighs samples so that the classes count alike, 0 not at all; see `FrequencySampler`.
        strengths: scikit-learn's C, each above 0. Without a validation part 0.01 is taken.

    Returns:
        A net like `net`, in its mode.

    Source: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR 2020, section 4,
    the classifier learned anew; the penalty and its choice are ours.

    Raises:
        LeveretUsageError: an argument out of range, or a net whose logits don't come from a `Linear`.
        LeveretDataError: a class without a sample in the training part.
    """
    check_power(power)
    if not len(strengths) or not all(np.isfinite(c) and c > 0 for c in strengths):
        raise LeveretUsageError(f"strengths must be numbers above 0, at least one, got {list(strengths)}")
    made = copy.deepcopy(net)
    name, layer = final_linear(made)
    check_last(made, layer, name, data)
    if isinstance(layer, CosineLinear):
        raise LeveretUsageError(
            f"layer {name!r} is a CosineLinear, whose weights have length 1; refitting is of Linear"
        )
    backbone = replaced_final(made, nn.Identity()).eval()
    x, y = _known(Rows.of(backbone, data, "train"))
    classes = layer.out_features
    counts = np.bincount(y, minlength=classes)
    if (counts == 0).any():
        raise LeveretDataError(
            f"each class needs a sample in the training part; class {int(np.argmin(counts))} has none"
        )
    mean, std = x.mean(0), x.std(0)
    std[std <= 1e-6 * np.abs(mean) + 1e-12] = 1.0  # a feature that is always the same says nothing
    weights = wanted_shares(counts, power) / counts * len(y)
    held_x, held_y = _known(Rows.of(backbone, data, "val"))
    if not len(held_y):
        strengths = (_WITHOUT_VALIDATION,)
    fits = [_fitted((x - mean) / std, y, weights, float(c)) for c in strengths]
    if len(fits) > 1:
        held_x = (held_x - mean) / std
        losses = [_loss(held_x @ w.T + b, held_y, weights) for w, b in fits]
        fits = [fits[int(np.argmin(losses))]]
    weight, bias = fits[0]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight / std))
        shift = torch.from_numpy(bias - (weight / std) @ mean)
        if layer.bias is None:
            layer.bias = nn.Parameter(shift.to(layer.weight))
        else:
            layer.bias.copy_(shift)
    return made


def _known(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = np.asarray(rows.labels)
    known = labels != UNLABELLED
    if not known.any():
        return np.empty((0, 0)), np.empty(0, np.int64)
    return rows.rows.double().numpy()[known], labels[known].astype(np.int64)


def _fitted(
    x: NDArray[np.float64], y: NDArray[np.int64], weights: NDArray[np.float64], c: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights `(classes, features)` and biases."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=c, max_iter=_STEPS).fit(x, y, sample_weight=weights[y])
    if len(weights) == 2:  # of two classes scikit-learn gives the difference of their logits
        return np.concatenate([-model.coef_, model.coef_]) / 2, np.concatenate(
            [-model.intercept_, model.intercept_]
        ) / 2
    return model.coef_, model.intercept_


def _loss(logits: NDArray[np.float64], y: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    top = logits.max(1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    return float(-(weights[y] * log_p[np.arange(len(y)), y]).sum() / weights[y].sum())
