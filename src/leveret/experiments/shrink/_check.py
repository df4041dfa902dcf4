"""Optimal Brain Surgeon's step against its closed form and against a search through all weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leveret.experiments.shrink._nets import perceptron
from leveret.shrink import prune
from leveret.shrink.pruned import pruned_layers
from leveret.shrink.pruned._curvature import curvature_matrix

__all__ = ["check"]

_DAMPING = 1e-3


def check(steps: int = 10) -> dict[str, Any]:
    """Prune a net of 66 weights one by one, each step held against both.

    The closed form is the paper's, with the whole inverse. The search takes every weight in turn out of the quadratic
    `½ δᵀ H δ`, solves for the best `δ` of all others, and looks which costs least.

    Returns:
        the largest differences of any weight from either, and whether the search chose the same weight at every step.
    """
    net = perceptron(8, 6, 3, seed=1).double()
    inputs = torch.randn(400, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    names = ["1.weight", "3.weight"]
    hessian = curvature_matrix(net, names, [inputs], "squared")
    hessian += _DAMPING * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=torch.float64)
    start = torch.cat([net.get_parameter(name).detach().flatten() for name in names])
    before, gone = start, torch.zeros(len(start), dtype=torch.bool)
    closed = search = 0.0
    same = True
    for step in range(1, steps + 1):
        pruned = prune(net, step / len(start), method="obs", batches=[inputs], loss="squared", damping=_DAMPING)
        after = torch.cat([layer.effective_weight().detach().flatten() for _, layer in pruned_layers(pruned)])
        now = after == 0
        q = int((now & ~gone).nonzero())
        closed = max(closed, float((after - _closed(before, hessian, gone, q)).abs().max()))
        best, moved = _searched(start, hessian, gone)
        same &= best == q
        search = max(search, float((after - moved).abs().max()))
        before, gone = after, now
    return {"weights": len(start), "steps": steps, "closed_form": closed, "search": search, "same_choices": same}


def _closed(weights: Tensor, hessian: Tensor, gone: Tensor, q: int) -> Tensor:
    """`w − (w_q / [H⁻¹]_qq) H⁻¹ e_q` over the weights that are left."""
    left = (~gone).nonzero().flatten()
    inverse = torch.linalg.inv(hessian[left][:, left])
    place = int((left == q).nonzero())
    moved = weights.clone()
    moved[left] -= weights[q] / inverse[place, place] * inverse[:, place]
    return moved


def _searched(start: Tensor, hessian: Tensor, gone: Tensor) -> tuple[int, Tensor]:
    """The weight whose absence costs least, all others at their best, and those; from the net as it was given."""
    found: list[tuple[float, int, Tensor]] = []
    for q in (~gone).nonzero().flatten().tolist():
        out = gone.clone()
        out[q] = True
        delta = torch.where(out, -start, 0.0)
        # ½ δᵀHδ with the fixed parts of δ given: H_ff δ_f = −H_fo δ_o
        free = ~out
        delta[free] = torch.linalg.solve(hessian[free][:, free], -hessian[free][:, out] @ delta[out])
        found.append((float(delta @ hessian @ delta) / 2, q, start + delta))
    _, best, moved = min(found, key=lambda entry: entry[0])
    return best, moved
