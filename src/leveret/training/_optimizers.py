"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from leveret.errors import LeveretUsageError

__all__ = ["OptimizerName", "ScheduleName", "make_optimizer", "make_schedule"]

OptimizerName = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["constant", "cosine", "one-cycle"]

_DEFAULT_LR = {"adam": 2e-3, "adamw": 2e-3, "sgd": 0.1}


def make_optimizer(
    modules: Iterable[nn.Module],
    optimizer: OptimizerName | Callable[[list[dict[str, Any]]], Optimizer],
    lr: float | None,
    weight_decay: float,
) -> Optimizer:
    """The optimiser of all trainable parameters of `modules`.

    Weight decay goes to weights of two or more dimensions; biases, shifts and BatchNorm's scales have none.

    Args:
        optimizer: "sgd" (momentum 0.9, Nesterov), "adam", "adamw", or a function of parameter groups.
        lr: peak learning rate; None takes 0.1 for sgd and 0.002 for Adam.
    """
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise LeveretUsageError("the net has no parameter that could be trained (requires_grad is off everywhere)")
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if callable(optimizer):
        return optimizer(groups)
    if optimizer not in _DEFAULT_LR:
        raise LeveretUsageError(
            f"optimizer must be one of {', '.join(sorted(_DEFAULT_LR))} or a function, got {optimizer!r}"
        )
    lr = _DEFAULT_LR[optimizer] if lr is None else lr
    if optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)
    return (torch.optim.Adam if optimizer == "adam" else torch.optim.AdamW)(groups, lr=lr)


def make_schedule(optimizer: Optimizer, schedule: ScheduleName, steps: int, warmup: float) -> LRScheduler:
    """A schedule stepped once a batch, over `steps` batches.

    Args:
        schedule: "constant"; "cosine" (down to 0 along half a cosine; Loshchilov & Hutter, 2017, eq. 5, no restarts);
            "one-cycle" (linearly up, then linearly down to 0; Smith & Topin, 2018).
        warmup: share of the steps, in [0, 1), in which the rate rises linearly to its peak.
    """
    if not 0 <= warmup < 1:
        raise LeveretUsageError(f"warmup must be in [0, 1), a share of the run, got {warmup}")
    steps = max(steps, 1)
    rising = round(warmup * steps)
    if schedule == "one-cycle":
        peak = [group["lr"] for group in optimizer.param_groups]
        # OneCycleLR needs a step on either side of its peak
        share = min(max(warmup, 1 / steps), 1 - 1 / (steps + 1))
        return OneCycleLR(
            optimizer, peak, total_steps=steps + 1, pct_start=share, anneal_strategy="linear", cycle_momentum=False
        )
    main: LRScheduler
    if schedule == "cosine":
        main = CosineAnnealingLR(optimizer, max(steps - rising, 1))
    elif schedule == "constant":
        main = ConstantLR(optimizer, factor=1.0)
    else:
        raise LeveretUsageError(f"schedule must be 'constant', 'cosine' or 'one-cycle', got {schedule!r}")
    if not rising:
        return main
    warm = LinearLR(optimizer, start_factor=1 / (rising + 1), total_iters=rising)
    return SequentialLR(optimizer, [warm, main], milestones=[rising])
