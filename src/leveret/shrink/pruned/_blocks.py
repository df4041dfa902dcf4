"""Optimal Brain Surgeon over a net: as one block where it fits, else as a block for each filter or row."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from leveret.shrink.pruned._curvature import Loss, curvature_matrix, row_blocks
from leveret.shrink.pruned._layers import weight_name
from leveret.shrink.pruned._surgeon import Surgery, damped_inverse, operate

__all__ = ["surgeon"]

_ONE_BLOCK = 4096
_BYTES = 256 << 20


def surgeon(
    net: nn.Module, layers: list[tuple[str, Any]], sparsity: float, batches: list[Any], loss: Loss, damping: float
) -> None:
    """Prune the layers of `net` in place until the share `sparsity` of their weights is gone."""
    weights = sum(layer.weight.numel() for _, layer in layers)
    gone = sum(int((~layer.mask).sum()) for _, layer in layers)
    going = max(0, round(sparsity * weights) - gone)
    names = [weight_name(name) for name, _ in layers]
    if weights <= _ONE_BLOCK:
        _as_one_block(net, names, layers, going, batches, loss, damping)
        return
    rows = _Rows(net, names, layers, batches, loss, damping)
    # how dear each row's weights are, were all of them taken; and again, as many as are cheap
    costs = [done.costs for _, _, done in rows.operate(None)]
    for layer, part, done in rows.operate(_cheapest(costs, going)):
        _put(layer, part, done.weights, done.kept)


def _as_one_block(
    net: nn.Module,
    names: list[str],
    layers: list[tuple[str, Any]],
    going: int,
    batches: list[Any],
    loss: Loss,
    damping: float,
) -> None:
    inverse = damped_inverse(curvature_matrix(net, names, batches, loss), damping)
    flat = torch.cat([layer.effective_weight().detach().flatten() for _, layer in layers]).double()
    kept = torch.cat([layer.mask.flatten() for _, layer in layers])
    done = operate(flat[None], inverse[None], kept[None], torch.tensor([going]))
    sizes = [layer.weight.numel() for _, layer in layers]
    for (_, layer), moved, left in zip(layers, done.weights[0].split(sizes), done.kept[0].split(sizes), strict=True):
        _put(layer, slice(None), moved, left)


class _Rows:
    """The rows of all layers' weights, some at a time, as many as memory holds matrices for."""

    def __init__(
        self,
        net: nn.Module,
        names: list[str],
        layers: list[tuple[str, Any]],
        batches: list[Any],
        loss: Loss,
        damping: float,
    ) -> None:
        self.net = copy.deepcopy(net)  # the curvature stays that of the net as given, while its weights move
        self.names = names
        self.layers = layers
        self.batches = batches
        self.loss: Loss = loss
        self.damping = damping

    def operate(self, steps: list[Tensor] | None) -> Iterator[tuple[Any, slice, Surgery]]:
        """Operate on all rows, each by its `steps` (all of its weights, if None), some rows at a time."""
        number = 0
        for name, (_, layer) in zip(self.names, self.layers, strict=True):
            rows, size = layer.weight.flatten(1).shape
            at_once = max(1, _BYTES // (8 * size * size))
            for start in range(0, rows, at_once):
                part = slice(start, min(rows, start + at_once))
                kept = layer.mask[part].flatten(1)
                blocks = row_blocks(self.net, name, part, self.batches, self.loss).double()
                own = kept.sum(1) if steps is None else steps[number]
                flat = layer.effective_weight().detach()[part].flatten(1).double()
                yield layer, part, operate(flat, damped_inverse(blocks, self.damping), kept, own)
                number += 1


def _cheapest(costs: list[Tensor], going: int) -> list[Tensor]:
    """How many of each row's weights go, so that `going` go in all and each step taken is among the cheapest.

    A row's steps come in its own order: a cheap one behind a dear one costs what the dear one did.
    """
    effective = [part.cummax(1).values for part in costs]
    flat = torch.cat([part.flatten() for part in effective])
    taken = torch.zeros(len(flat), dtype=torch.bool)
    taken[flat.sort(stable=True).indices[:going]] = True
    parts = taken.split([part.numel() for part in effective])
    return [part.view_as(own).sum(1) for part, own in zip(parts, effective, strict=True)]


def _put(layer: Any, rows: slice, weights: Tensor, kept: Tensor) -> None:
    shape = layer.weight[rows].shape
    with torch.no_grad():
        layer.weight[rows] = weights.view(shape).to(layer.weight.dtype)
        layer.mask[rows] = kept.view(shape)
