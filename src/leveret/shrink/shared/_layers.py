"""Layers whose weights share few values: each weight is an entry of a table, and gradients add up in the table."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from leveret.shrink._classes import as_class
from leveret.shrink.pruned import PrunedConv2d, PrunedLinear

__all__ = [
    "HashedConv2d",
    "HashedLayer",
    "HashedLinear",
    "SharedConv2d",
    "SharedLinear",
    "TiedLayer",
    "hashed",
    "shared",
]


class TiedLayer:
    """What layers of shared weights have in common.

    Attributes:
        values: parameter `(tables, entries, length)`: what weights may be, `length` neighbours at once.
        indices: int64 buffer `(rows, tables)`: which entry of each table a row's weights are; −1 for zeros.
        weight: float of the layer's shape, computed from these and differentiable by `values`.
    """

    values: Tensor
    indices: Tensor
    _shape: tuple[int, ...]

    @property
    def weight(self) -> Tensor:
        """The weights that the layer computes with, of the layer's shape."""
        entries = torch.cat([self.values, torch.zeros_like(self.values[:, :1])], dim=1)
        tables = torch.arange(len(entries), device=entries.device)
        return entries[tables, self.indices].reshape(self._shape)

    def effective_weight(self) -> Tensor:
        """The weights that the layer computes with, of the layer's shape."""
        return self.weight

    @property
    def entries(self) -> int:
        """How many entries each table has."""
        return int(self.values.shape[1])


class SharedConv2d(TiedLayer, nn.Conv2d):  # type: ignore[override]  # weight is computed, not set
    """A convolution whose weights are entries of a table, the indices found by k-means. Made by `share`."""

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, values={tuple(self.values.shape)}"


class SharedLinear(TiedLayer, nn.Linear):  # type: ignore[override]
    """A linear layer whose weights are entries of a table, the indices found by k-means. Made by `share`."""

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, values={tuple(self.values.shape)}"


class HashedLayer(TiedLayer):
    """What hashed layers share: the indices come from a hash, so that only values and a seed need to be kept.

    Attributes:
        signs: float buffer `(weights, 1, 1)` of ±1, ξ of the paper; comes from the hash too.
        seed: of the hash.
    """

    signs: Tensor
    seed: int

    @property
    def weight(self) -> Tensor:
        """The weights that the layer computes with, of the layer's shape."""
        return (self.values[0][self.indices] * self.signs).reshape(self._shape)


class HashedConv2d(HashedLayer, nn.Conv2d):  # type: ignore[override]
    """A convolution whose weights are put at random into few values, with a sign. Made by `hash_weights`."""

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, values={self.entries}"


class HashedLinear(HashedLayer, nn.Linear):  # type: ignore[override]
    """A linear layer whose weights are put at random into few values, with a sign. Made by `hash_weights`."""

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, values={self.entries}"


def shared(layer: nn.Module, values: Tensor, indices: Tensor) -> Any:
    """The layer with weights from tables in the place of its own."""
    kind = SharedConv2d if isinstance(layer, nn.Conv2d) else SharedLinear
    made = _tied(layer, kind, values)
    made.register_buffer("indices", indices)
    return made


def hashed(layer: nn.Module, values: Tensor, indices: Tensor, signs: Tensor, seed: int) -> Any:
    """The layer with `values` `(entries,)` spread over its weights by `indices` and `signs`, `(weights,)` each."""
    kind = HashedConv2d if isinstance(layer, nn.Conv2d) else HashedLinear
    made = _tied(layer, kind, values[None, :, None])
    # both follow from the seed, so that a checkpoint needn't hold them
    made.register_buffer("indices", indices[:, None], persistent=False)
    made.register_buffer("signs", signs[:, None, None], persistent=False)
    made.seed = seed
    return made


def _tied(layer: Any, kind: type[nn.Module], values: Tensor) -> Any:
    shape = tuple(layer.weight.shape)
    made = as_class(layer, kind)
    made._non_persistent_buffers_set = set(layer._non_persistent_buffers_set)
    del made._parameters["weight"]
    if isinstance(layer, PrunedConv2d | PrunedLinear):
        del made._buffers["mask"]
    made._shape = shape
    made.values = nn.Parameter(values)
    return made
