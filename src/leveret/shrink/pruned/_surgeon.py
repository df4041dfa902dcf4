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

__all__ = ["Surgery", "damped_inverse", "operate"]


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


def damped_inverse(hessian: Tensor, damping: float) -> Tensor:
    """`(H + damping · mean(diag H) · I)⁻¹` of each block `(…, n, n)`: H is singular where inputs never vary.

    Raises:
        LeveretUsageError: a block is singular even so.
    """
    n = hessian.shape[-1]
    mean = hessian.diagonal(dim1=-2, dim2=-1).mean(-1)
    # a block that sees nothing at all gets the identity, which makes its weights' costs their squares
    amount = torch.where(mean > 0, damping * mean, 1.0)
    damped = hessian + amount[..., None, None] * torch.eye(n, dtype=hessian.dtype)
    factor, info = torch.linalg.cholesky_ex(damped)
    if info.any():
        raise LeveretUsageError(
            f"the curvature can't be inverted with damping {damping}; give more samples, or more damping (1e-3, say)"
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
    weights, kept = weights.clone(), kept.clone()
    blocks = torch.arange(len(weights))
    for column in (~kept).any(0).nonzero().flatten().tolist():
        _eliminate(inverse, blocks[~kept[:, column]], torch.full((int((~kept[:, column]).sum()),), column))
    most = int(steps.max()) if len(steps) else 0
    order = torch.zeros((len(weights), most), dtype=torch.int64)
    costs = torch.full((len(weights), most), torch.inf, dtype=weights.dtype)
    for step in range(most):
        active = blocks[(steps > step) & kept.any(1)]
        if not len(active):
            break
        diagonal = inverse.diagonal(dim1=1, dim2=2)[active]
        cost = weights[active].square() / (2 * diagonal.clamp(min=torch.finfo(weights.dtype).tiny))
        cost[~kept[active]] = torch.inf
        least, q = cost.min(1)
        column = inverse[active, :, q]
        weights[active] -= (weights[active, q] / inverse[active, q, q])[:, None] * column
        kept[active, q] = False
        weights *= kept
        order[active, step], costs[active, step] = q, least
        _eliminate(inverse, active, q)
    return Surgery(weights, kept, order, costs)


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
