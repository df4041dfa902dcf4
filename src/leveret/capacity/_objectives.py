"""What a dynamic capacity net is trained to minimise: both parts jointly with hints, or each by itself."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.capacity._net import DynamicCapacityNet
from leveret.capacity._parts import level_names
from leveret.errors import LeveretUsageError
from leveret.training import Batch

__all__ = ["Hinted", "Separate"]


class Hinted:
    """Cross-entropy of the refined prediction, and hints by which coarse vectors come to be like fine ones.

    `L = CE(top(refined), y) + λ Σ_ij∈chosen ‖c_ij − f_ij‖²`, averaged over the batch (Almahairi et al., "Dynamic
    Capacity Networks", ICML 2016, section 2.2). The hints' gradient reaches the coarse layers alone: fine vectors are
    targets. Where a selector learns, its loss is added, too.

    Where a net has several levels, each has its hints, `‖f_ij − f'_ij‖²` at the places of the finer one: they reach the
    level before it alone, whose vectors come to be like the finer ones. They are summed.

    The losses are "cross_entropy", "hints", and, where they are asked for, "coarse" and "attention".

    Deviations: λ may rise over the first epochs, since early on the fine vectors aren't worth resembling; and a share
    of cross-entropy of the coarse prediction may be added, which keeps it, and so the saliency, meaningful.

    Args:
        hint_weight: λ, at least 0; 0 trains jointly without hints.
        warmup: epochs over which λ rises linearly from 0; at least 0.
        coarse_weight: of the coarse prediction's cross-entropy, at least 0; it costs a pass more through `top`. The
            paper has none.

    Raises:
        LeveretUsageError: an argument out of range; when called, a net that is no `DynamicCapacityNet`.
    """

    def __init__(self, hint_weight: float = 0.1, *, warmup: int = 0, coarse_weight: float = 0.0) -> None:
        _check_weights(hint_weight=hint_weight, coarse_weight=coarse_weight)
        if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
            raise LeveretUsageError(f"warmup must be a whole number of epochs, at least 0, got {warmup!r}")
        self.hint_weight = hint_weight
        self.warmup = warmup
        self.coarse_weight = coarse_weight
        self.epoch = 0

    @property
    def weight(self) -> float:
        """λ in this epoch."""
        return self.hint_weight * min(1.0, self.epoch / self.warmup) if self.warmup else self.hint_weight

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Called by `fit` at the start of each epoch, from 0."""
        self.epoch = epoch

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        dynamic = _checked(net)
        look = dynamic.look(batch.inputs)
        batch.logits = look.logits
        apart = torch.stack([(level.chosen_coarse() - level.fine.detach()).square().sum() for level in look.levels])
        losses = {
            "cross_entropy": _cross_entropy(look.logits, batch.labels),
            "hints": self.weight * apart.sum() / len(batch.labels),
        }
        if self.coarse_weight:
            losses["coarse"] = self.coarse_weight * _cross_entropy(dynamic.top(look.coarse), batch.labels)
        learn = getattr(dynamic.selector, "loss", None)
        if learn is not None:
            losses["attention"] = torch.stack([learn(level.glance, batch.labels) for level in look.levels]).sum()
        return losses

    def __repr__(self) -> str:
        return f"Hinted({self.hint_weight:g}, warmup={self.warmup}, coarse_weight={self.coarse_weight:g})"


class Separate:
    """Coarse and fine layers each trained by themselves, under the same top layers.

    `L = w_c CE(top(coarse(x)), y) + w_f CE(top(fine(x)), y)`, with fine vectors at all places: no place is chosen, so
    that the fine layers learn from whole images, at their full cost. The net is then used, and validated, as any
    other, with k places. (The paper trains the whole end to end, section 2.2; this is the comparison.)

    The losses are "coarse" and "fine"; of several levels "fine[0]", "fine[1]" and so on, each of weight w_f. One of
    weight 0 isn't computed. The training accuracy is the finest prediction's, or the coarse one's where that alone is
    trained.

    Args:
        coarse_weight, fine_weight: w_c and w_f, at least 0, not both 0.

    Raises:
        LeveretUsageError: an argument out of range; when called, a net that is no `DynamicCapacityNet`.
    """

    def __init__(self, coarse_weight: float = 1.0, fine_weight: float = 1.0) -> None:
        _check_weights(coarse_weight=coarse_weight, fine_weight=fine_weight)
        if not coarse_weight and not fine_weight:
            raise LeveretUsageError("coarse_weight and fine_weight are both 0: nothing would be learned")
        self.coarse_weight = coarse_weight
        self.fine_weight = fine_weight

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        dynamic = _checked(net)
        losses = {}
        if self.coarse_weight:
            batch.logits = dynamic.coarse_logits(batch.inputs)
            losses["coarse"] = self.coarse_weight * _cross_entropy(batch.logits, batch.labels)
        if self.fine_weight:
            for level, name in enumerate(level_names(len(dynamic.levels))):
                batch.logits = dynamic.fine_logits(batch.inputs, level)
                losses[name] = self.fine_weight * _cross_entropy(batch.logits, batch.labels)
        return losses

    def __repr__(self) -> str:
        return f"Separate({self.coarse_weight:g}, {self.fine_weight:g})"


def _checked(net: nn.Module) -> DynamicCapacityNet:
    if not isinstance(net, DynamicCapacityNet):
        raise LeveretUsageError(f"this objective is for a DynamicCapacityNet, got a {type(net).__name__}")
    return net


def _check_weights(**weights: float) -> None:
    for name, value in weights.items():
        if not isinstance(value, Real) or not 0 <= value < math.inf:
            raise LeveretUsageError(f"{name} must be a finite number of at least 0, got {value!r}")


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    known = labels >= 0
    # the mean over no sample would be NaN; this one still leads back to the net
    return F.cross_entropy(logits[known], labels[known]) if known.any() else 0 * logits.sum()
