"""Which weights to keep, from a number that says what each is worth."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["best_of_groups", "best_per_layer", "best_together"]


def best_per_layer(worth: list[Tensor], sparsity: float) -> list[Tensor]:
    """Masks that keep, in each layer, all but the share `sparsity` of least worth."""
    return [best_together([own], sparsity)[0] for own in worth]


def best_together(worth: list[Tensor], sparsity: float) -> list[Tensor]:
    """Masks that keep all but the share `sparsity` of least worth among all layers' weights.

    Exactly so many go, ties by their place, the later first; a whole layer may go.
    """
    flat = torch.cat([own.flatten() for own in worth])
    going = round(sparsity * flat.numel())
    mask = torch.ones(flat.numel(), dtype=torch.bool)
    # a stable sort of the reversed order: among equals the last goes first
    order = flat.flip(0).sort(stable=True).indices[:going]
    mask[flat.numel() - 1 - order] = False
    parts = mask.split([own.numel() for own in worth])
    return [part.view_as(own) for part, own in zip(parts, worth, strict=True)]


def best_of_groups(worth: Tensor, keep: int, group: int) -> Tensor:
    """A mask that keeps the `keep` of most worth in each `group` of neighbours along the inputs (N:M sparsity).

    Args:
        worth: `(out, in, …)`; groups lie along `in`, at one place of the kernel (Mishra et al., 2021); the
            last group is smaller where `in` is no multiple of `group`, and keeps what fits.
    """
    moved = worth.movedim(1, -1)
    mask = torch.ones_like(moved, dtype=torch.bool)
    for start in range(0, moved.shape[-1], group):
        part = moved[..., start : start + group]
        going = max(0, part.shape[-1] - keep)
        order = part.flip(-1).sort(dim=-1, stable=True).indices[..., :going]
        mask[..., start : start + group].scatter_(-1, part.shape[-1] - 1 - order, False)
    return mask.movedim(-1, 1)
