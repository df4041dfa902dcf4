"""`hash_weights`: HashedNets, whose weights are put into few values by a hash that nobody needs to store."""

from __future__ import annotations

import copy
import math
import zlib
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import Chosen, choose_layers, fitting, replaced
from leveret.shrink.shared._layers import hashed

__all__ = ["hash_weights"]


def hash_weights(
    net: nn.Module,
    ratio: float = 8.0,
    *,
    start: Literal["weights", "random"] = "weights",
    layers: Chosen = None,
    keep_first: bool = False,
    keep_last: bool = False,
    seed: int = 0,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Give each layer `ratio` times fewer values than weights: `w_ij = ξ(i, j) · v[h(i, j)]`.

    The layers become `HashedConv2d` and `HashedLinear`. Which value v a weight is, and with which sign ξ, says xxHash
    of its place (Chen et al., "Compressing Neural Networks with the Hashing Trick", ICML 2015): values and a seed are
    all that is to be kept. The gradients of all weights of a value add up in it.

    The nets of the paper are made so and trained from there. A trained net loses most of what it knew: it keeps the
    part of its weights that such values can show, and must be trained on.

    Args:
        net: any module. Layers are found by type, exactly `nn.Conv2d` and `nn.Linear`.
        ratio: weights for each value, at least 1.
        start: "weights": each value begins as the mean of its weights, their signs taken off, which is nearest to them
            all. "random": normal, with the deviation that the layer's weights have, for nets to be trained anew.
        layers: which to convert: names or glob patterns as in `net.named_modules()`, or a function of name and module.
            By default all.
        keep_first, keep_last: leave these as they are; only looked at where `layers` is None.
        seed: of the hash, and of random values. Layers of the same shape differ by their names.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretUsageError: an argument out of range, nothing to convert, or a weight that two layers share.

    Example:
        >>> small = hash_weights(leveret.ConvNet(1, 10), 8, start="random")
        >>> leveret.fit(small, data, epochs=20)
    """
    if not (math.isfinite(ratio) and ratio >= 1):
        raise LeveretUsageError(f"ratio must be a number of at least 1, got {ratio}")
    if start not in ("weights", "random"):
        raise LeveretUsageError(f"start must be 'weights' or 'random', got {start!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise LeveretUsageError(f"seed must be a whole number from 0 to 2^32 − 1, got {seed!r}")
    result = net if inplace else copy.deepcopy(net)
    chosen = choose_layers(result, layers, keep_first, keep_last, "hashed")
    chosen = fitting(result, chosen, lambda layer: None, skip_unfit)
    return replaced(result, {layer: _made(name, layer, ratio, start, seed) for name, layer in chosen})


def _made(name: str, layer: Any, ratio: float, start: str, seed: int) -> nn.Module:
    from leveret.runtime.codings import hashed_places  # here, as a net that trains needs no kernels

    weight = layer.weight.detach()
    entries = math.ceil(weight.numel() / ratio)
    own = (seed + zlib.crc32(name.encode())) % 2**32
    places, negative = hashed_places(0, weight.numel(), entries, own)
    indices = torch.from_numpy(places.astype(np.int64)).to(weight.device)
    signs = torch.from_numpy(np.where(negative, -1.0, 1.0)).to(weight)
    if start == "weights":
        sums = torch.zeros(entries).to(weight).index_add_(0, indices, weight.flatten() * signs)
        values = sums / torch.bincount(indices, minlength=entries).clamp(min=1)
    else:
        generator = torch.Generator().manual_seed(own)
        values = (torch.randn(entries, generator=generator) * weight.double().std().cpu()).to(weight)
    return hashed(layer, values, indices, signs, own).train(layer.training)
