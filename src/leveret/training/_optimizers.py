"""Optimisers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

from leveret.errors import LeveretUsageError
from leveret.training._adadelta import Adadelta

__all__ = ["OptimizerName", "make_optimizer"]

OptimizerName = Literal["adadelta", "adam", "adamw", "sgd"]


_DEFAULT_LR = {"adadelta": 1.0, "adam": 2e-3, "adamw": 2e-3, "sgd": 0.1}


def make_optimizer(
    modules: Iterable[nn.Module],
    optimizer: OptimizerName | Callable[[list[dict[str, Any]]], Optimizer],
    lr: float | None,
    weight_decay: float,
) -> Optimizer:
    """The optimiser of all trainable parameters of `modules`.

    Weight decay goes to weights of two or more dimensions; biases, shifts and BatchNorm's scales have none.

    Args:
        optimizer: "sgd" (momentum 0.9, Nesterov), "adam", "adamw", "adadelta", or a function of parameter groups.
        lr: peak learning rate; None takes 0.1 for sgd, 0.002 for Adam and 1 for Adadelta.
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
    if optimizer == "adadelta":
        return Adadelta(groups, lr=lr)
    return (torch.optim.Adam if optimizer == "adam" else torch.optim.AdamW)(groups, lr=lr)
