"""`prune`: a net without the weights that matter least."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.shrink._choose import Chosen, choose_layers, fitting, replaced
from leveret.shrink.pruned._blocks import surgeon
from leveret.shrink.pruned._curvature import Loss, curvature_diagonal
from leveret.shrink.pruned._layers import PrunedConv2d, PrunedLinear, masked, weight_name
from leveret.shrink.pruned._masks import best_of_groups, best_per_layer, best_together

__all__ = ["Method", "prune", "worth_of"]

Method = Literal["magnitude", "obd", "obs"]
Scope = Literal["net", "layer"]


def prune(
    net: nn.Module,
    sparsity: float | None = None,
    *,
    method: Method = "magnitude",
    scope: Scope = "net",
    pattern: tuple[int, int] | None = None,
    layers: Chosen = None,
    keep_first: bool = False,
    keep_last: bool = False,
    batches: Iterable[Any] | None = None,
    loss: Loss = "cross-entropy",
    damping: float = 0.1,
    skip_unfit: bool = False,
    inplace: bool = False,
) -> nn.Module:
    """Take out the weights of convolutions and linear layers that matter least.

    The layers become `PrunedConv2d` and `PrunedLinear`, with their own parameters and a mask; what was pruned stays 0
    in training, so that `leveret.fit` tunes what is left. Pruning again prunes further: what is gone counts towards
    `sparsity`, and never returns. `GradualPruning` does it while a net trains. `leveret.pack` keeps only what is left
    of a linear layer or 1x1 convolution where at least three quarters are gone.

    - "magnitude": the smallest |w|. Train with weight decay before, so that weights that aren't needed become small
      (Han et al., NIPS 2015).
    - "obd": the smallest `h_kk w_k² / 2` (Optimal Brain Damage, LeCun et al., 1990), h_kk the diagonal of the
      loss's curvature; see `curvature_diagonal`.
    - "obs": one weight after the other, the others moved to make up for it (Optimal Brain Surgeon, Hassibi & Stork,
      1993). Exact, with one matrix over all weights chosen, up to 4096 of them; beyond, each filter and each row of
      a linear layer has a matrix of its own, and what weights of different rows do to each other is left out (as
      Frantar et al., NeurIPS 2022, but for the net's loss and not for each layer's outputs).

    The paper takes the curvature anew after each weight; here it is that of the net as given, so prune in steps, with
    training between, where much is to go. In one step, a ranking over all layers may leave one with next to nothing,
    which no training mends: `scope="layer"` can't. Biases are neither pruned nor moved.

    Args:
        net: any module, trained. Layers are found by type: `nn.Conv2d`, `nn.Linear`, and those pruned before.
        sparsity: the share of the chosen layers' weights that shall be gone afterwards, in [0, 1).
        method: "magnitude", "obd" or "obs".
        scope: whether the weights of all layers are ranked together ("net") or each layer's for itself ("layer").
        pattern: `(n, m)` instead of a sparsity: keep n of each m weights that are neighbours along the inputs; for
            "magnitude" and "obd".
        layers: which to prune: names or glob patterns as in `net.named_modules()`, or a function of name and module.
            By default all.
        keep_first, keep_last: leave these as they are; only looked at where `layers` is None.
        batches: for "obd" and "obs": inputs of the net, in batches, or tuples that begin with them. Some hundred
            samples are enough for "obd"; "obs" wants more of them than a row has weights.
        loss: for "obd" and "obs": what the net was trained on, "cross-entropy" or "squared" (half the squared
            distance).
        damping: for "obs": added to the curvature's diagonal, as a share of its mean. The less, the further weights are
            moved along directions in which the curvature, which holds near the net alone, sees no harm: with 1e-4 the
            outcome may be worse than by magnitude once a third is gone.
        skip_unfit: leave layers that don't fit as they are, with a warning that names them, rather than raise.
        inplace: change `net` itself instead of a deep copy.

    Raises:
        LeveretUsageError: an argument out of range or missing, nothing to prune, a layer that can't be pruned, named,
            or a net whose gradients can't be taken sample by sample.

    Example:
        >>> smaller = prune(net, 0.8)
        >>> leveret.fit(smaller, data, epochs=5)
        >>> smaller = prune(smaller, 0.9, method="obd", batches=images.split(64))
    """
    _check_arguments(sparsity, method, scope, pattern, batches, damping)
    result = net if inplace else copy.deepcopy(net)
    kinds = (nn.Conv2d, nn.Linear, PrunedConv2d, PrunedLinear)
    chosen = choose_layers(result, layers, keep_first, keep_last, "sparse", kinds=kinds)
    for name, layer in chosen:
        if not layer.weight.isfinite().all():
            raise LeveretUsageError(f"layer {name!r} holds NaN or infinite weights")
    chosen = fitting(result, chosen, functools.partial(_unfit, pattern=pattern), skip_unfit)
    made = {layer: masked(layer) for _, layer in chosen}
    result = replaced(result, made)
    pruned = [(name, made[layer]) for name, layer in chosen]
    kept_batches = None if batches is None else list(batches)
    if method == "obs":
        assert sparsity is not None
        assert kept_batches is not None
        surgeon(result, pruned, sparsity, kept_batches, loss, damping)
        return result
    worth = worth_of(result, pruned, method, kept_batches, loss)
    if pattern is not None:
        masks = [best_of_groups(own, *pattern) for own in worth]
    else:
        assert sparsity is not None
        masks = (best_together if scope == "net" else best_per_layer)(worth, sparsity)
    for (_, layer), mask in zip(pruned, masks, strict=True):
        layer.keep(mask)  # type: ignore[operator]
    return result


def _unfit(layer: Any, pattern: tuple[int, int] | None) -> str | None:
    inputs = layer.weight.shape[1]
    if pattern is not None and inputs < pattern[1]:
        return f"has {inputs} inputs a weight, fewer than a group of {pattern[1]}; leave it out with layers=[…]"
    return None


def worth_of(
    net: nn.Module, layers: list[tuple[str, Any]], method: str, batches: list[Any] | None, loss: Loss
) -> list[Tensor]:
    """What each weight of each pruned layer is worth, of its shape; −1, below all others, for what is gone already."""
    with torch.no_grad():
        worth = [layer.weight.detach().double().square() for _, layer in layers]
        if method == "obd":
            assert batches is not None
            curvature = curvature_diagonal(net, [weight_name(name) for name, _ in layers], batches, loss)
            worth = [h * own / 2 for h, own in zip(curvature, worth, strict=True)]
        return [own.masked_fill(~layer.mask, -1.0) for own, (_, layer) in zip(worth, layers, strict=True)]


def _check_arguments(
    sparsity: float | None,
    method: str,
    scope: str,
    pattern: tuple[int, int] | None,
    batches: Iterable[Any] | None,
    damping: float,
) -> None:
    for name, value, known in (("method", method, Method), ("scope", scope, Scope)):
        if value not in get_args(known):
            raise LeveretUsageError(f"{name} must be one of {', '.join(map(repr, get_args(known)))}, got {value!r}")
    if (sparsity is None) == (pattern is None):
        raise LeveretUsageError("give either a sparsity or a pattern")
    if sparsity is not None and not 0 <= sparsity < 1:
        raise LeveretUsageError(f"sparsity must be in [0, 1), got {sparsity}")
    if pattern is not None and not (len(pattern) == 2 and 0 < pattern[0] < pattern[1]):
        raise LeveretUsageError(f"pattern must be (n, m) with 0 < n < m: keep n of each m weights; got {pattern}")
    if method != "magnitude" and batches is None:
        raise LeveretUsageError(f"{method!r} needs to see how the loss curves: give batches of inputs")
    if method == "obs" and (pattern is not None or scope != "net"):
        raise LeveretUsageError("'obs' takes one weight after the other, wherever it costs least: no pattern, no scope")
    if not (math.isfinite(damping) and damping >= 0):
        raise LeveretUsageError(f"damping must be at least 0, got {damping}")
