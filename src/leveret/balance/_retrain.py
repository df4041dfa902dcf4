"""Classifier retraining: features learned from the data as it is, the last layer from classes that come alike often.

Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR 2020: skewed data do little
harm to the features, and most of it to the last layer. So a net is trained plainly, and then its last layer alone is
mended: drawn anew and trained (cRT), given one scale a class (LWS), or its weights' lengths evened (τ-normalisation).
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Sampler

from leveret.balance._frequency import FrequencySampler
from leveret.balance._heads import Head, OnFrozen, Scales, Standardized
from leveret.balance._last_layer import FeatureData, Rows, check_last
from leveret.errors import LeveretUsageError
from leveret.nets import CosineLinear, final_linear, replaced_final
from leveret.training import Augmentation, fit
from leveret.training._batch import UNLABELLED

__all__ = ["retrain_classifier", "tau_normalize"]

Kind = Literal["anew", "scales"]
_LR: dict[str, float] = {"anew": 0.01, "scales": 0.1}


def retrain_classifier(
    net: nn.Module,
    data: Any,
    *,
    kind: Kind = "anew",
    epochs: int = 10,
    lr: float | None = None,
    power: float = 1.0,
    sampler: Sampler[int] | None = None,
    batch_size: int = 128,
    augment: Augmentation | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: bool = True,
) -> nn.Module:
    """A copy of a plainly trained net whose last layer is trained once more, on classes that come alike often.

    All but that layer stays as it is, in eval mode, its norms and dropout included (Kang et al., 2020, section 4). So
    its features are computed once for all, and an epoch costs next to nothing; but with `augment`, as in the paper,
    where each batch goes through the net. Features are brought to mean 0 and deviation 1 for the training, which the
    layer's own weights undo at the end. The weights after the last epoch are taken: validation accuracy on skewed data
    would choose an epoch that is like the plain net.

    Args:
        net: trained; its logits come from a `Linear` or `CosineLinear`. Stays as it is.
        data: that it was trained on; of its training part only samples with a label (not −100) are taken.
        kind: "anew": the layer is drawn anew by `seed` (cRT); "scales": its weights stay, and each class's logit gets a
            factor that is trained (learnable weight scaling, eq. 4), of a `Linear` alone.
        epochs: each draws as many samples as the training part has.
        lr: the peak rate of AdamW, with a cosine down to 0; None: 0.01, and 0.1 for scales, which have further to go.
        power: as of `FrequencySampler`: 1 draws the classes alike often, 0 as they come.
        sampler: draws indices of the training part, in place of `power`.
        batch_size, augment, seed, out, progress: as for `fit`. What `out` holds is of the last layer alone.

    Returns:
        A net like `net`, in its mode.

    Raises:
        LeveretUsageError: an argument out of range, or a net whose logits don't come from a linear layer.
        LeveretTrainingError: training diverged, which a lower `lr` helps.
    """
    if kind not in get_args(Kind):
        raise LeveretUsageError(f"kind must be one of {', '.join(map(repr, get_args(Kind)))}, got {kind!r}")
    made = copy.deepcopy(net)
    name, layer = final_linear(made)
    check_last(made, layer, name, data)
    backbone = replaced_final(made, nn.Identity()).eval()
    parts = {part: Rows.of(backbone, data, part) for part in ("train", "val")}
    head = _head(layer, kind, parts["train"].rows, seed)
    settings: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": _LR[kind] if lr is None else lr,
        "seed": seed,
        "out": out,
        "keep_best": False,
        "monitor": "accuracy",  # chooses nothing; the data's skew, of which fit would warn, is what is mended here
        "stage": "classifier",
        "progress": progress,
    }
    labels = np.asarray(data.train.labels)
    known = np.flatnonzero(labels != UNLABELLED)
    draws = FrequencySampler(labels[known], power, seed=seed) if sampler is None else sampler
    if augment is None:
        # a sampler of the caller's draws among all, one of ours among those with a label
        train = parts["train"] if sampler is not None else parts["train"].subset(known)
        fit(head, FeatureData(data.name, train, parts["val"], None), sampler=draws, **settings)
    else:
        shown = data
        if sampler is None and len(known) < len(labels):
            shown = FeatureData(data.name, data.train.subset(known), data.val, data.normalization)
        fit(OnFrozen(backbone, head), shown, sampler=draws, augment=augment, **settings)
    head.put_into(layer)
    return made


def tau_normalize(net: nn.Module, tau: float = 1.0) -> nn.Module:
    """A copy of a plainly trained net with each class's weights divided by their length to the power τ, without bias.

    Plain training gives frequent classes longer weights (Kang et al., 2020, section 4, eq. 3). Nothing is trained; τ
    1 makes all of length 1, 0 leaves them; choose it by the balanced accuracy on held-out data. The bias is set to 0,
    as in the paper, since it holds the classes' frequencies as well.

    Args:
        net: its logits come from a `Linear`; stays as it is.
        tau: τ, finite; 0 to 1 in the paper.

    Raises:
        LeveretUsageError: τ that isn't finite, or a net without such a layer.
    """
    if not math.isfinite(tau):
        raise LeveretUsageError(f"tau must be finite, got {tau}")
    made = copy.deepcopy(net)
    name, layer = final_linear(made)
    if isinstance(layer, CosineLinear):
        raise LeveretUsageError(f"layer {name!r} is a CosineLinear, whose weights have length 1 already")
    with torch.no_grad():
        norms = layer.weight.norm(dim=1, keepdim=True).clamp_min(1e-12)
        layer.weight.div_(norms**tau)
        if layer.bias is not None:
            layer.bias.zero_()
    return made


def _head(layer: nn.Linear | CosineLinear, kind: Kind, rows: Tensor, seed: int) -> Head:
    if kind == "scales":
        if isinstance(layer, CosineLinear):
            raise LeveretUsageError("kind 'scales' is for a Linear; the net ends in a CosineLinear, whose scale is one")
        return Scales(layer)
    fresh = copy.deepcopy(layer).requires_grad_()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh.reset_parameters()
    return Standardized(fresh, rows)
