"""Sharing: nets of few values, found by k-means or by a hash."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from leveret.shrink.catalogue._method import Method
from leveret.shrink.catalogue._pruning import gradually_pruned
from leveret.shrink.catalogue._tuning import FineTuning
from leveret.shrink.pruned import prune
from leveret.shrink.shared import hash_weights, share

__all__ = ["METHODS"]


def _deep_compression(net: nn.Module, tuning: FineTuning, sparsity: float, bits: int, scope: Any) -> nn.Module:
    pruning, centroids = tuning.split(2, 1)
    net = gradually_pruned(net, tuning, pruning, sparsity, scope)
    net = share(net, bits, seed=tuning.seed, skip_unfit=tuning.skip_unfit, inplace=True)
    return tuning.fit(net, centroids, stage="centroids")


def _share(net: nn.Module, tuning: FineTuning, bits: int) -> nn.Module:
    return tuning.fit(share(net, bits, seed=tuning.seed, skip_unfit=tuning.skip_unfit, inplace=True))


def _product(net: nn.Module, tuning: FineTuning, bits: int, length: int) -> nn.Module:
    options: dict[str, Any] = {"length": length, "keep_first": True, "seed": tuning.seed}
    return tuning.fit(share(net, bits, skip_unfit=tuning.skip_unfit, inplace=True, **options))


def _hashed(net: nn.Module, tuning: FineTuning, ratio: float, start: Any) -> nn.Module:
    # a value stands for many weights, and most of what the net had learned is lost: it learns anew
    net = hash_weights(net, ratio, start=start, seed=tuning.seed, skip_unfit=tuning.skip_unfit, inplace=True)
    return tuning.fit(net, lr=5 * tuning.lr)


def _sharable(net: nn.Module, images: Tensor, skip_unfit: bool, bits: int, length: int = 1) -> None:
    # k-means of many values takes a while; one bit finds the same layers unfit, and a wrong number is refused at once
    share(net, bits if bits not in range(1, 13) else 1, length=length, keep_first=length > 1, skip_unfit=skip_unfit)


def _prunable_and_sharable(
    net: nn.Module, images: Tensor, skip_unfit: bool, sparsity: float, bits: int, scope: Any
) -> None:
    prune(net, sparsity, skip_unfit=skip_unfit)
    _sharable(net, images, skip_unfit, bits)


METHODS = (
    Method(
        "deep-compression",
        "Deep Compression",
        "sharing",
        "Han, Mao & Dally, ICLR 2016",
        "Prunes while it trains, lets what is left share a few values by k-means, and trains these; the file codes "
        "them by how often each occurs.",
        _deep_compression,
        checker=_prunable_and_sharable,
        options={"sparsity": 0.9, "bits": 5, "scope": "net"},
    ),
    Method(
        "share",
        "shared weights",
        "sharing",
        "Gong et al., 2014; Han, Mao & Dally, ICLR 2016",
        "Makes each layer's weights the entries of one table of values of least squared error, and trains the table.",
        _share,
        checker=_sharable,
        options={"bits": 4},
    ),
    Method(
        "product-quantisation",
        "product quantisation",
        "sharing",
        "Gong et al., 2014",
        "Makes runs of weights the entries of tables of runs, in all layers but the first, and trains the tables.",
        _product,
        checker=_sharable,
        options={"bits": 4, "length": 4},
    ),
    Method(
        "hashed",
        "HashedNets",
        "sharing",
        "Chen et al., ICML 2015",
        "Puts the weights into few values by a hash of their place, and trains the values.",
        _hashed,
        checker=lambda net, images, skip_unfit, ratio, start: hash_weights(
            net, ratio, start=start, skip_unfit=skip_unfit
        ),
        options={"ratio": 8.0, "start": "weights"},
    ),
)
