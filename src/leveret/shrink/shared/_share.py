"""`share`: a trained net whose weights are entries of small tables."""

from __future__ import annotations

import copy
import functools
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import Chosen, choose_layers, fitting, replaced
from leveret.shrink.pruned import PrunedConv2d, PrunedLayer, PrunedLinear
from leveret.shrink.shared._clusters import Start, clusters
from leveret.shrink.shared._layers import shared

__all__ = ["share"]

_MOST_BITS = 12


def share(
    net: nn.Module,
    bits: int = 5,
    *,
    length: int = 1,
    start: Start = "linear",
    layers: Chosen = None,
    keep_first: bool = False,
    keep_last: bool = False,
    seed: int = 0,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Let each layer's weights be entries of a table of `2 ** bits` values, found by k-means.

    The layers become `SharedConv2d` and `SharedLinear`: `values` hold the tables, which can be trained on with
    `leveret.fit`, as the gradients of all weights that share a value add up in it; which weight is which entry stays.

    - `length=1`: one table a layer of single values, the scalar quantisation of least squared error that Lloyd's
      algorithm finds (Deep Compression, Han et al., ICLR 2016, section 3). Layers that were pruned keep their zeros.
    - `length` above 1: product quantisation (Gong et al., 2014): each row's weights, one filter's or one
      output's, are cut into runs of that length, and each place of a run has a table of its own, of runs.

    Args:
        net: any module, trained. Layers are found by type: `nn.Conv2d`, `nn.Linear`, and pruned ones.
        bits: of an index, 1 to 12.
        length: of the runs that an entry stands for; must divide each row of weights.
        start: where the centres begin, for single values: "linear", evenly over the range, which served best in Deep
            Compression (section 3.2); "density", evenly over the sorted weights; "random", by k-means++. Runs always
            begin by k-means++.
        layers: which to convert: names or glob patterns as in `net.named_modules()`, or a function of name and module.
            By default all.
        keep_first, keep_last: leave these as they are; only looked at where `layers` is None.
        seed: of k-means.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretUsageError: an argument out of range, nothing to convert, or a layer that doesn't fit, named.

    Example:
        >>> small = share(prune(net, 0.9), 5)
        >>> leveret.fit(small, data, epochs=5)
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= _MOST_BITS:
        raise LeveretUsageError(f"bits must be a whole number from 1 to {_MOST_BITS}, got {bits!r}")
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise LeveretUsageError(f"length must be a whole number of at least 1, got {length!r}")
    if start not in get_args(Start):
        raise LeveretUsageError(f"start must be one of {', '.join(map(repr, get_args(Start)))}, got {start!r}")
    result = net if inplace else copy.deepcopy(net)
    kinds = (nn.Conv2d, nn.Linear, PrunedConv2d, PrunedLinear)
    chosen = choose_layers(result, layers, keep_first, keep_last, "shared", kinds=kinds)
    for name, layer in chosen:
        if not layer.weight.isfinite().all():
            raise LeveretUsageError(f"layer {name!r} holds NaN or infinite weights")
    chosen = fitting(result, chosen, functools.partial(_unfit, length=length), skip_unfit)
    return replaced(result, {layer: _made(layer, 2**bits, length, start, seed) for _, layer in chosen})


def _unfit(layer: Any, length: int) -> str | None:
    row = layer.weight[0].numel()
    if row % length:
        return f"has rows of {row} weights, which don't divide into runs of {length}; leave it out with layers=[…]"
    if length > 1 and isinstance(layer, PrunedLayer):
        return "was pruned, and runs can't keep its zeros; length must be 1"
    return None


def _made(layer: Any, entries: int, length: int, start: Start, seed: int) -> nn.Module:
    weight = layer.weight.detach()
    if length == 1:
        kept = layer.mask if isinstance(layer, PrunedLayer) else torch.ones_like(weight, dtype=torch.bool)
        indices = torch.full((weight.numel(), 1), -1)
        values = torch.zeros(1, entries, 1)
        if kept.any():
            centres, found = clusters(_points(weight[kept][:, None]), entries, start, seed)
            values = torch.from_numpy(centres)[None]
            indices[kept.flatten(), 0] = torch.from_numpy(found)
    else:
        runs = weight.flatten(1).unflatten(1, (-1, length))
        tables = [clusters(_points(runs[:, place]), entries, start, seed) for place in range(runs.shape[1])]
        values = torch.from_numpy(np.stack([centres for centres, _ in tables]))
        indices = torch.from_numpy(np.stack([found for _, found in tables], axis=1))
    return shared(layer, values.to(weight), indices.to(weight.device)).train(layer.training)


def _points(values: Tensor) -> np.ndarray:
    return values.double().cpu().numpy()
