"""Optimal Brain Surgeon: take the weight whose loss costs least, and let the others make up for it.

With the loss as a quadratic around a minimum, taking weight q costs `L_q = w_q² / (2 [H⁻¹]_qq)`, if the others move by
`δw = −(w_q / [H⁻¹]_qq) H⁻¹ e_q` (Hassibi & Stork, NIPS 1993). The inverse of H without q's row and column
follows from H⁻¹ by one step of elimination (Frantar et al., "Optimal Brain Compression", NeurIPS 2022, lemma 1), so
that taking many weights one after the other stays exact for that quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from leveret.errors import LeveretUsageError

__all__ = ["Surgery", "damped", "damped_inverse", "operate", "without"]

# bytes of a matrix that a core's cache hardly holds several of
_LARGE = 256 << 10


@dataclass
class Surgery:
    """What taking weights out of blocks left.

    Attributes:
        weights: `(blocks, n)`: those kept, moved; 0 where one was taken.
        kept: `(blocks, n)` bool: those that are left.
        order: `(blocks, steps)` int64: which weight went at each step.
        costs: `(blocks, steps)`: by how much each step raises the quadratic loss; infinite where none was left.
    """

    weights: Tensor
    kept: Tensor
    order: Tensor
    costs: Tensor


def damped(hessian: Tensor, damping: float) -> Tensor:
    """`H + damping · mean(diag H) · I` of each block `(…, n, n)`: H is singular where inputs never vary."""
    n = hessian.shape[-1]
    mean = hessian.diagonal(dim1=-2, dim2=-1).mean(-1)
    # a block that sees nothing at all gets the identity, which makes its weights' costs their squares
    amount = torch.where(mean > 0, damping * mean, 1.0)
    return hessian + amount[..., None, None] * torch.eye(n, dtype=hessian.dtype)


def damped_inverse(hessian: Tensor, damping: float) -> Tensor:
    """The inverse of each block, damped.

    Raises:
        LeveretUsageError: a block is singular even so.
    """
    factor, info = torch.linalg.cholesky_ex(damped(hessian, damping))
    if info.any():
        raise LeveretUsageError(
            f"the curvature can't be inverted with damping {damping}; give more samples, or more damping (0.1, say)"
        )
    return torch.cholesky_inverse(factor)


def operate(weights: Tensor, inverse: Tensor, kept: Tensor, steps: Tensor) -> Surgery:
    """Take weights out of several independent blocks at once, in each always the one of the least cost.

    Args:
        weights: `(blocks, n)`.
        inverse: `(blocks, n, n)`, of each block's H; used up.
        kept: `(blocks, n)` bool: those that are left at the start. The others' weights must be 0.
        steps: `(blocks,)` int64: how many to take out of each block.
    """
    if weights.shape[1] ** 2 * weights.element_size() > _LARGE and len(weights) > 1:
        # one after the other, each stays in the cache while it shrinks
        each = [operate(*(x[i : i + 1] for x in (weights, inverse, kept, steps))) for i in range(len(weights))]
        return _together(each)
    weights, kept = weights.clone(), kept.clone()
    blocks = torch.arange(len(weights))
    _without_gone(inverse, kept)
    most = int(steps.max()) if len(steps) else 0
    order = torch.zeros((len(weights), most), dtype=torch.int64)
    costs = torch.full((len(weights), most), torch.inf, dtype=weights.dtype)
    # columns that are gone from every block leave now and then; where each that is left stands among all
    place = torch.arange(weights.shape[1])
    own, left = weights.clone(), kept.clone()
    for step in range(most):
        if 4 * int(left.any(0).sum()) < 3 * len(place):
            stay = left.any(0).nonzero().flatten()
            weights[:, place], kept[:, place] = own, left
            place, own, left = place[stay], own[:, stay], left[:, stay]
            inverse = inverse[:, stay][:, :, stay].contiguous()
        active = blocks[(steps > step) & left.any(1)]
        if not len(active):
            break
        diagonal = inverse.diagonal(dim1=1, dim2=2)[active]
        cost = own[active].square() / (2 * diagonal.clamp(min=torch.finfo(weights.dtype).tiny))
        cost[~left[active]] = torch.inf
        least, q = cost.min(1)
        column = inverse[active, :, q]
        own[active] -= (own[active, q] / inverse[active, q, q])[:, None] * column
        left[active, q] = False
        own *= left
        order[active, step], costs[active, step] = place[q], least
        _eliminate(inverse, active, q)
    weights[:, place], kept[:, place] = own, left
    return Surgery(weights, kept, order, costs)


def _without_gone(inverse: Tensor, kept: Tensor) -> None:
    """The inverses of H without the rows and columns that are gone at the start."""
    if len(kept) == 1:
        left, gone = kept[0], ~kept[0]
        if gone.any():
            own = inverse[0]
            across = own[left][:, gone]
            rest = own[left][:, left] - across @ torch.linalg.solve(own[gone][:, gone], across.T)
            own.zero_()
            own[left.nonzero(), left.nonzero().T] = rest
        return
    blocks = torch.arange(len(kept))
    for column in (~kept).any(0).nonzero().flatten().tolist():
        _eliminate(inverse, blocks[~kept[:, column]], torch.full((int((~kept[:, column]).sum()),), column))


def _together(each: list[Surgery]) -> Surgery:
    most = max(done.order.shape[1] for done in each)
    order = torch.zeros((len(each), most), dtype=torch.int64)
    costs = torch.full((len(each), most), torch.inf, dtype=each[0].costs.dtype)
    for row, done in enumerate(each):
        order[row, : done.order.shape[1]], costs[row, : done.order.shape[1]] = done.order[0], done.costs[0]
    return Surgery(torch.cat([done.weights for done in each]), torch.cat([done.kept for done in each]), order, costs)


def without(weights: Tensor, hessian: Tensor, kept: Tensor) -> Tensor:
    """The weights of one block at the least of its quadratic once all but `kept` are gone: `(n,)`.

    The same as taking them one by one, in whatever order: each step leaves what is left at that least.

    Args:
        weights: `(n,)`, before.
        hessian: `(n, n)`, as inverted for `operate`.
        kept: `(n,)` bool.
    """
    moved = torch.zeros_like(weights)
    going = ~kept & (weights != 0)
    if kept.any():
        pull = hessian[kept][:, going] @ weights[going]
        moved[kept] = (
            weights[kept] + torch.cholesky_solve(pull[:, None], torch.linalg.cholesky(hessian[kept][:, kept]))[:, 0]
        )
    return moved


def _eliminate(inverse: Tensor, blocks: Tensor, q: Tensor) -> None:
    """The inverse of H without row and column q of each block; those become 0."""
    column = inverse[blocks, :, q]
    pivot = inverse[blocks, q, q]
    if len(blocks) == len(inverse):
        inverse.baddbmm_(column[:, :, None], (column / pivot[:, None])[:, None], alpha=-1)
    else:
        for i, block in enumerate(blocks.tolist()):
            inverse[block].addr_(column[i], column[i] / pivot[i], alpha=-1)
    # exactly 0, not nearly
    inverse[blocks, q, :] = 0
    inverse[blocks, :, q] = 0
