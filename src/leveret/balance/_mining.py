"""Hard mining: of each batch the samples that the net finds hardest, with guards against learning them by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.balance._counts import checked_counts
from leveret.balance._diagnosis import Diagnosis, MiningRecord, diagnosis_of
from leveret.balance._losses import fitting, labelled, mean_of
from leveret.errors import LeveretUsageError
from leveret.training import Batch

__all__ = ["HardMining"]


class HardMining(nn.Module):
    """Cross-entropy of each batch's minority samples and of its hardest majority samples.

    As many of the majority are taken as the batch has minority samples, "the M most confusing majority instances", at
    least one; or a share of them. Hardest is what has the largest loss. That is also what is labelled wrongly, and
    mining alone learns it by heart. Two guards: a share of the plain loss of all samples, and epochs of nothing else
    before mining begins. `diagnosis` says whether it over-fits nevertheless, and which samples to look at.

    With `per_class=False` the classes play no part: the hardest share of all samples is taken (online hard example
    mining: Shrivastava et al., "Training region-based object detectors with online hard example mining", CVPR 2016,
    section 4; there without a share of the plain loss).

    The losses are "mined", `(1 − mix)` times the mean over the samples taken, and "plain", `mix` times the mean over
    all; while warming up 0, and the mean over all.

    A module, so that its record goes along in checkpoints and a resumed run goes on with it: two bytes a training
    sample, and four numbers an epoch. A training that begins anew begins a new record. Where several processes train,
    each has a record of its own samples.

    Args:
        counts: `(num_classes,)`, training samples of each class, at least 1.
        top: the share of a batch's majority samples (with `per_class=False` of all its samples) that is taken, in
            (0, 1]; None: as many as there are minority samples.
        mix: share of the plain loss, in [0, 1].
        warmup: epochs of plain loss first, at least 0.
        majority: the classes that are mined; default: those with more samples than the mean class.
        per_class: whether classes play a part.

    Raises:
        LeveretUsageError: an argument out of range, no class that is frequent, or `per_class=False` without a `top`;
            when called, other classes than the net's.

    Example:
        >>> mining = HardMining(data.train.class_counts(), mix=0.3, warmup=2)
        >>> result = fit(net, data, objective=mining)
        >>> print(mining.diagnosis(result.history).why)
    """

    def __init__(
        self,
        counts: ArrayLike,
        *,
        top: float | None = None,
        mix: float = 0.5,
        warmup: int = 1,
        majority: Sequence[int] | None = None,
        per_class: bool = True,
    ) -> None:
        super().__init__()
        n = checked_counts(counts)
        if top is not None and not 0 < top <= 1:
            raise LeveretUsageError(f"top must be a share in (0, 1], or None, got {top}")
        if not 0 <= mix <= 1:
            raise LeveretUsageError(f"mix must be in [0, 1], got {mix}")
        if isinstance(warmup, bool) or not isinstance(warmup, (int, np.integer)) or warmup < 0:
            raise LeveretUsageError(f"warmup must be a whole number of epochs, at least 0, got {warmup!r}")
        self.top, self.mix, self.warmup, self.per_class = top, mix, int(warmup), per_class
        frequent = _frequent(n, majority, per_class, top)
        self.register_buffer("frequent", torch.from_numpy(frequent), persistent=False)
        self.record = MiningRecord(int(n.sum()), int(n[frequent].sum()))
        self.epoch = 0

    @property
    def mining(self) -> bool:
        """Whether the warm-up is over."""
        return self.epoch >= self.warmup

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Called by `fit` at the start of each epoch, from 0."""
        self.epoch = epoch
        self.record.begin(epoch)

    def forward(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits, labels, indices = labelled(net, batch)
        frequent = fitting(self.frequent, logits)[labels]  # type: ignore[arg-type]
        losses = F.cross_entropy(logits, labels, reduction="none")
        plain = mean_of(losses)
        if not self.mining or not len(labels):
            return {"mined": 0 * plain, "plain": plain}
        candidates = frequent.nonzero()[:, 0]
        hardest = candidates[losses.detach()[candidates].topk(self._number(len(candidates), len(labels))).indices]
        chosen = torch.cat([(~frequent).nonzero()[:, 0], hardest])
        self.record.note(self.epoch, indices[hardest], losses[hardest], losses)
        return {"mined": (1 - self.mix) * mean_of(losses[chosen]), "plain": self.mix * plain}

    def _number(self, candidates: int, samples: int) -> int:
        """How many are taken of a batch's majority samples."""
        wanted = samples - candidates if self.top is None else round(self.top * candidates)
        return min(max(1, wanted), candidates)

    def diagnosis(self, history: Sequence[Mapping[str, Any]] = ()) -> Diagnosis:
        """Whether mining over-fits, by what it picked, and why; see `Diagnosis` for the rule.

        Args:
            history: rows of `FitResult.history`, for the validation loss; may be left out.
        """
        return diagnosis_of(self.record, history)

    def get_extra_state(self) -> dict[str, Any]:
        return self.record.state()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.record.load(state)

    def extra_repr(self) -> str:
        what = "" if self.per_class else ", per_class=False"
        return f"top={self.top}, mix={self.mix:g}, warmup={self.warmup}{what}"


def _frequent(
    n: NDArray[np.float64], majority: Sequence[int] | None, per_class: bool, top: float | None
) -> NDArray[np.bool_]:
    """Which classes are mined."""
    if not per_class:
        if majority is not None:
            raise LeveretUsageError("majority is of mining by class; leave it out, or per_class=False")
        if top is None:
            raise LeveretUsageError(
                "top must say what share of all samples is taken with per_class=False, such as 0.25"
            )
        return np.ones(len(n), dtype=bool)
    if majority is None:
        frequent = n > n.mean()
        if not frequent.any():
            raise LeveretUsageError(
                f"all classes have {n[0]:g} samples, and none is a majority: name those to mine by majority=…, or mine "
                "without regard to classes by per_class=False"
            )
        return frequent
    classes, known = np.asarray(majority), np.arange(len(n))
    whole = classes.ndim == 1 and len(classes) > 0 and classes.dtype.kind in "iu"
    if not whole or not np.isin(classes, known).all():
        raise LeveretUsageError(f"majority must name classes in 0..{len(n) - 1}, got {majority!r}")
    return np.isin(known, classes)
