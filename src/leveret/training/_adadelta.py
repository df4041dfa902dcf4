"""`Adadelta`, which leaves alone what has no gradient: a table of word vectors costs what a batch's words cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from leveret.errors import LeveretUsageError

__all__ = ["Adadelta", "sparse_tables"]


class Adadelta(Optimizer):
    """Steps as long as steps have been, over what gradients have been:

        E[g²] ← ρ E[g²] + (1 − ρ) g²
        Δ = −√(E[Δ²] + ε) / √(E[g²] + ε) · g
        E[Δ²] ← ρ E[Δ²] + (1 − ρ) Δ²,   w ← w + lr Δ

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1. The same as
    `torch.optim.Adadelta`, which takes no sparse gradients. Of those, each row's means are brought up to date when the
    row has a gradient again: a step without one only multiplies them by ρ, so that the outcome is the same.

    Args:
        params: parameters, or groups of them.
        lr: 1 in the paper.
        rho: ρ, in [0, 1).
        eps: ε, above 0.
        weight_decay: added to dense gradients, times the weight.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(
        self, params: Any, lr: float = 1.0, rho: float = 0.95, eps: float = 1e-6, weight_decay: float = 0.0
    ) -> None:
        if not lr >= 0 or not 0 <= rho < 1 or not eps > 0 or not weight_decay >= 0:
            raise LeveretUsageError(
                "Adadelta takes lr of at least 0, rho in [0, 1), eps above 0 and weight_decay of at least 0; got "
                f"{lr}, {rho}, {eps}, {weight_decay}"
            )
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros((), dtype=torch.int64)
                    state["square"] = torch.zeros_like(parameter)
                    state["moved"] = torch.zeros_like(parameter)
                state["step"] += 1
                if parameter.grad.is_sparse:
                    _sparse_step(parameter, state, group)
                else:
                    _dense_step(parameter, state, group)
        return loss


def _dense_step(parameter: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    _catch_up(parameter, state, group["rho"])
    gradient = parameter.grad
    assert gradient is not None
    if group["weight_decay"]:
        gradient = gradient.add(parameter, alpha=group["weight_decay"])
    delta = _delta(gradient, state["square"], state["moved"], group)
    parameter.add_(delta, alpha=-group["lr"])


def _sparse_step(parameter: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    assert parameter.grad is not None
    gradient = parameter.grad.coalesce()
    rows, values = gradient.indices()[0], gradient.values()
    step, rho = int(state["step"]), group["rho"]
    if "seen" not in state:
        # the step up to which each row's means are known
        state["seen"] = torch.full((len(parameter),), step - 1, dtype=torch.int64)
    missed = (step - 1 - state["seen"][rows]).to(values.dtype)
    fading = (rho**missed).view(-1, *[1] * (values.dim() - 1))
    square, moved = state["square"][rows].mul_(fading), state["moved"][rows].mul_(fading)
    delta = _delta(values, square, moved, group)
    state["square"][rows], state["moved"][rows], state["seen"][rows] = square, moved, step
    parameter.index_add_(0, rows, delta, alpha=-group["lr"])


def _delta(gradient: Tensor, square: Tensor, moved: Tensor, group: dict[str, Any]) -> Tensor:
    """The step against the gradient; both means go on, in place."""
    rho, eps = group["rho"], group["eps"]
    square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
    delta = moved.add(eps).sqrt_().div_(square.add(eps).sqrt_()).mul_(gradient)
    moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
    return delta


def _catch_up(parameter: Tensor, state: dict[str, Any], rho: float) -> None:
    """Bring all rows' means up to the step before, where some had sparse gradients before."""
    if "seen" not in state:
        return
    missed = (int(state["step"]) - 1 - state["seen"]).to(parameter.dtype)
    fading = (rho**missed).view(-1, *[1] * (parameter.dim() - 1))
    state["square"].mul_(fading)
    state["moved"].mul_(fading)
    del state["seen"]


@contextmanager
def sparse_tables(net: nn.Module, wanted: bool) -> Iterator[None]:
    """Let tables of vectors have gradients of the rows that a batch took alone, meanwhile."""
    tables = [module for module in net.modules() if isinstance(module, nn.Embedding) and not module.sparse]
    tables = [table for table in tables if wanted and table.weight.requires_grad and len(table.weight) > 1000]
    for table in tables:
        table.sparse = True
    try:
        yield
    finally:
        for table in tables:
            table.sparse = False
