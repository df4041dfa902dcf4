"""Optimal Brain Surgeon over a net: as one block where it fits, else as a block for each filter or row."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from leveret.shrink.pruned._curvature import Loss, curvature_matrix, linear_factors, row_blocks
from leveret.shrink.pruned._layers import weight_name
from leveret.shrink.pruned._surgeon import damped, damped_inverse, operate, without

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
    # how dear each row's weights are, were all of them taken, and in which order; then as many as are cheap
    rows.take(_cheapest(rows.operate(), going))


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
        self.orders: list[Tensor] = []

    def operate(self) -> list[Tensor]:
        """Each layer's costs, `(rows, steps)`, were all weights taken; their order is kept for `take`."""
        costs = []
        for layer, part, flat, blocks in self._parts():
            kept = layer.mask[part].flatten(1)
            done = operate(flat, damped_inverse(blocks, self.damping), kept, kept.sum(1))
            self.orders.append(done.order)
            costs.append(done.costs)
        return costs

    def take(self, steps: list[Tensor]) -> None:
        """Take so many weights out of each row, in the order that `operate` found."""
        for (layer, part, flat, blocks), order, own in zip(self._parts(), self.orders, steps, strict=True):
            kept = layer.mask[part].flatten(1).clone()
            for row, count in enumerate(own.tolist()):
                kept[row, order[row, :count]] = False
            hessians = damped(blocks, self.damping)
            moved = [without(w, h, left) for w, h, left in zip(flat, hessians, kept, strict=True)]
            _put(layer, part, torch.stack(moved), kept)

    def _parts(self) -> Iterator[tuple[Any, slice, Tensor, Tensor]]:
        """Layer, rows, their weights `(rows, n)` and their curvature `(rows, n, n)`, some rows at a time."""
        for name, (_, layer) in zip(self.names, self.layers, strict=True):
            rows, size = layer.weight.flatten(1).shape
            at_once = max(1, _BYTES // (8 * size * size))
            factors = linear_factors(self.net, name, self.batches, self.loss)
            for start in range(0, rows, at_once):
                part = slice(start, min(rows, start + at_once))
                blocks = (
                    row_blocks(self.net, name, part, self.batches, self.loss).double()
                    if factors is None
                    else _linear_blocks(*factors, part, layer.mask[part])
                )
                yield layer, part, layer.effective_weight().detach()[part].flatten(1).double(), blocks


def _linear_blocks(inputs: Tensor, squares: Tensor, rows: slice, kept: Tensor) -> Tensor:
    """The blocks of some rows from `linear_factors`, `(rows, n, n)` float64; 0 where a weight is gone."""
    found = []
    for weight, left in zip(squares.T[rows], kept, strict=True):
        scaled = inputs * weight.sqrt()[:, None] * left
        found.append((scaled.T @ scaled).double())
    return torch.stack(found) / len(inputs)


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
