"""Nets without the weights that matter least: by magnitude, Optimal Brain Damage, Optimal Brain Surgeon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leveret.shrink.pruned._layers import (
    PrunedConv2d,
    PrunedLayer,
    PrunedLinear,
    fill_holes,
    pruned_layers,
    sparsity_of,
)
from leveret.shrink.pruned._prune import prune

if TYPE_CHECKING:
    from leveret.shrink.pruned._gradual import GradualPruning

__all__ = [
    "GradualPruning",
    "PrunedConv2d",
    "PrunedLayer",
    "PrunedLinear",
    "fill_holes",
    "prune",
    "pruned_layers",
    "sparsity_of",
]


def __getattr__(name: str) -> Any:
    if name == "GradualPruning":  # a callback of Lightning, which packing, for one, needn't load
        from leveret.shrink.pruned._gradual import GradualPruning

        return GradualPruning
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
