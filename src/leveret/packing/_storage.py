"""How layers say that their weights can be stored, where the weights themselves don't tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from leveret.packing._draft import Draft, Turned
from leveret.runtime.codings import Coding, Hashed, Product, code_symbols
from leveret.shrink.shared import HashedConv2d, HashedLinear, SharedConv2d, SharedLinear

__all__ = ["known_codings"]


def known_codings(net: nn.Module, draft: Draft) -> dict[str, Coding]:
    """Codings of hashed layers, and of layers that share runs of values, by their tensors' names.

    Tables of single values are found in the weights, whoever made them. A coding that doesn't give back the tensor,
    since a step was fused into it, is passed over when the file is written.
    """
    modules = dict(net.named_modules())
    found = {}
    for step in draft.steps:
        layer = modules.get(step.layer)
        if "weight" in step.arrays and isinstance(layer, SharedConv2d | SharedLinear | HashedConv2d | HashedLinear):
            shape = step.arrays["weight"].shape
            if coding := _coding(layer, shape, step.turned or (shape, tuple(range(len(shape))))):
                found[f"{step.name}.weight"] = coding
    return found


def _coding(layer: Any, shape: tuple[int, ...], turned: Turned) -> Coding | None:
    source, axes = turned
    values = layer.values.detach().float().numpy()
    if isinstance(layer, HashedConv2d | HashedLinear):
        return Hashed(shape, source, axes, layer.seed, np.ascontiguousarray(values.reshape(-1)))
    if values.shape[-1] == 1:
        return None
    indices = layer.indices.numpy().astype(np.uint16)
    return Product(shape, source, axes, code_symbols(indices, values.shape[1]), np.ascontiguousarray(values))
