"""Pruning: nets without the weights, or the channels, that matter least."""

from __future__ import annotations

import functools
from typing import Any

from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._tuning import FineTuning
from leveret.shrink.channels import prune_channels
from leveret.shrink.pruned import GradualPruning, prune

__all__ = ["METHODS", "gradually_pruned"]

# prunings in a training, so that little goes at a time
_PRUNINGS = 50


def _magnitude(net: nn.Module, tuning: FineTuning, sparsity: float, scope: Any, decay: float) -> nn.Module:
    before, after = tuning.split(1, 2)
    # decay in the gradient, as the papers have it: AdamW's own hardly acts in so few steps
    tuning.fit(net, before, stage="decay", optimizer="adam", weight_decay=decay)
    net = prune(net, sparsity, scope=scope, skip_unfit=tuning.skip_unfit, inplace=True)
    return tuning.fit(net, after, stage="tuning")


def _by_curvature(
    net: nn.Module, tuning: FineTuning, method: Any, sparsity: float, rounds: int, samples: int
) -> nn.Module:
    # each round leaves the same share of what the one before left
    kept = [(1 - sparsity) ** (number / rounds) for number in range(1, rounds + 1)]
    for number, (left, epochs) in enumerate(zip(kept, tuning.split(*[1] * rounds), strict=True), 1):
        options: dict[str, Any] = {
            "method": method,
            "batches": tuning.batches(samples),
            "skip_unfit": tuning.skip_unfit,
        }
        net = prune(net, 1 - left, inplace=True, **options)
        tuning.fit(net, epochs, stage=f"round-{number}")
    return net


def _curvature_fits(
    net: nn.Module, images: Tensor, skip_unfit: bool, method: Any, sparsity: float, rounds: int, samples: int
) -> nn.Module:
    if rounds < 1 or samples < 1:
        raise LeveretUsageError(f"rounds and samples must be at least 1, got {rounds} and {samples}")
    prune(net, sparsity, skip_unfit=skip_unfit)
    # both need gradients sample by sample; those of two samples say whether a net has them
    return prune(net, sparsity, method="obd", batches=[images[:2]], skip_unfit=skip_unfit)


def gradually_pruned(net: nn.Module, tuning: FineTuning, epochs: int, sparsity: float, scope: Any) -> nn.Module:
    """The net, pruned while it trained for so many epochs."""
    net = prune(net, 0.0, skip_unfit=tuning.skip_unfit, inplace=True)
    steps = epochs * max(1, len(tuning.data.train) // tuning.batch_size)
    pruning = GradualPruning(sparsity, every=max(1, steps // _PRUNINGS), scope=scope)
    options: dict[str, Any] = {"keep_best": False, "trainer_args": {"callbacks": [pruning]}}
    return tuning.fit(net, epochs, stage="pruning", **options)


def _gradual(net: nn.Module, tuning: FineTuning, sparsity: float, scope: Any) -> nn.Module:
    return gradually_pruned(net, tuning, tuning.epochs, sparsity, scope)


def _n_of_m(net: nn.Module, tuning: FineTuning, pattern: tuple[int, int]) -> nn.Module:
    net = prune(net, pattern=pattern, keep_first=True, skip_unfit=tuning.skip_unfit, inplace=True)
    return tuning.fit(net)


def _channels(net: nn.Module, tuning: FineTuning, ratio: float, scope: Any) -> nn.Module:
    return tuning.fit(prune_channels(net, tuning.batches()[0][:2], ratio, scope=scope))


def _prunable(net: nn.Module, images: Tensor, skip_unfit: bool, sparsity: float, **options: Any) -> nn.Module:
    return prune(net, sparsity, skip_unfit=skip_unfit)


METHODS = (
    Method(
        "magnitude",
        "magnitude pruning",
        "pruning",
        "Han et al., NIPS 2015",
        "Trains on with weight decay, takes out the smallest weights of the whole net at once, tunes the rest.",
        _magnitude,
        checker=_prunable,
        options={"sparsity": 0.9, "scope": "net", "decay": 1e-3},
    ),
    Method(
        "obd",
        "Optimal Brain Damage",
        "pruning",
        "LeCun, Denker & Solla, 1990",
        "Takes out the weights with the least h·w²/2, h the diagonal of the loss's curvature, in rounds of pruning and "
        "tuning.",
        functools.partial(_by_curvature, method="obd"),
        checker=functools.partial(_curvature_fits, method="obd"),
        options={"sparsity": 0.9, "rounds": 2, "samples": 256},
    ),
    Method(
        "obs",
        "Optimal Brain Surgeon",
        "pruning",
        "Hassibi & Stork, 1993",
        "Takes out one weight after the other, where it costs least, and moves the others to make up for it; beyond "
        "4096 weights row by row.",
        functools.partial(_by_curvature, method="obs"),
        checker=functools.partial(_curvature_fits, method="obs"),
        options={"sparsity": 0.9, "rounds": 1, "samples": 256},
    ),
    Method(
        "gradual",
        "gradual pruning",
        "pruning",
        "Zhu & Gupta, 2017",
        "Takes out ever more of the smallest weights while the net trains on.",
        _gradual,
        checker=_prunable,
        options={"sparsity": 0.9, "scope": "net"},
    ),
    Method(
        "two-of-four",
        "2:4 sparsity",
        "pruning",
        "Mishra et al., 2021",
        "Keeps the two larger of each four neighbouring weights in all layers but the first, and tunes them.",
        _n_of_m,
        checker=lambda net, images, skip_unfit, pattern: prune(
            net, pattern=pattern, keep_first=True, skip_unfit=skip_unfit
        ),
        options={"pattern": (2, 4)},
    ),
    Method(
        "channels",
        "channel pruning",
        "pruning",
        "Li et al., ICLR 2017; Fang et al., CVPR 2023",
        "Takes out whole channels of least weight, with all that hangs on them: a smaller net of the same layers.",
        _channels,
        checker=lambda net, images, skip_unfit, ratio, scope: prune_channels(net, images[:2], ratio, scope=scope),
        options={"ratio": 0.5, "scope": "net"},
    ),
)
