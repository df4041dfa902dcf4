"""Pseudo-classes: the frequent classes split into clusters, learned as classes of their own, and merged again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.balance._clusters import Backend, cluster, different_rows, features_for
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.nets import MergedClasses, final_linear, replaced_final
from leveret.training import Batch

__all__ = ["PseudoClasses", "pseudo_classes"]

_MOST = 10  # clusters of a class, where nothing else is said
_SAMPLED = 2000  # samples by which a search judges
_TELLING = 0.05  # mean silhouette below which clusters are no better than one


@dataclass(frozen=True)
class PseudoClasses:
    """Which pseudo-class each training sample is in, and what learns them.

        pseudo = pseudo_classes(data, net=plain)
        net = pseudo.net(leveret.ConvNet(1, 10))
        leveret.fit(net, data, objective=pseudo.objective())

    The net gives the logits of the data's own classes, so that `fit`, `evaluate` and `pack` see only those.

    Attributes:
        labels: `(training samples,)` int64, pseudo-classes from 0.
        groups: of each class, its pseudo-classes.
        names: of the pseudo-classes, "cat/1", "cat/2", …; a class that isn't split keeps its name.
    """

    labels: NDArray[np.int64]
    groups: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    def net(self, net: nn.Module, start: Literal["fresh", "copied"] = "fresh") -> MergedClasses:
        """A copy of a net for the pseudo-classes, merged: it gives the logits of the classes, and packs.

        Args:
            net: for the classes; its last linear layer gives the logits; stays as it is.
            start: of the widened last layer: "fresh", drawn anew from torch's generator; or "copied", for a trained
                net: each pseudo-class begins with its class's weights, and its class's probability shared evenly, so
                that the merged net says at first just what the net says.

        Raises:
            LeveretUsageError: a last layer of another number of outputs, or rows to copy from a layer that isn't a
                `Linear`.
        """
        _, layer = final_linear(net)
        if layer.out_features != len(self.groups):
            raise LeveretUsageError(f"the net has {layer.out_features} outputs for {len(self.groups)} classes")
        if start not in ("fresh", "copied"):
            raise LeveretUsageError(f"start must be 'fresh' or 'copied', got {start!r}")
        wide = nn.Linear(layer.in_features, len(self.names), device=layer.weight.device, dtype=layer.weight.dtype)
        if start == "copied":
            if not isinstance(layer, nn.Linear):
                raise LeveretUsageError(f"only a Linear's rows can be copied, and the net ends with {layer!r}")
            self._copy(layer, wide)
        return MergedClasses(replaced_final(net, wide), self.groups)

    def objective(self) -> PseudoCrossEntropy:
        """What trains such a net: cross-entropy with the pseudo-classes, over all of them."""
        return PseudoCrossEntropy(torch.from_numpy(self.labels), self.groups)

    def _copy(self, layer: nn.Linear, wide: nn.Linear) -> None:
        with torch.no_grad():
            for c, group in enumerate(self.groups):
                bias = 0.0 if layer.bias is None else float(layer.bias[c])
                for pseudo in group:
                    wide.weight[pseudo] = layer.weight[c]
                    wide.bias[pseudo] = bias - float(np.log(len(group)))


class PseudoCrossEntropy:
    """Cross-entropy of a `MergedClasses` net's inner logits with pseudo-labels, by the samples' places in their part.

    Validation and accuracy are of the merged classes, as for any net.

    Args:
        labels: `(training samples,)` int64.
        groups: of each class, its pseudo-classes.

    Raises:
        LeveretUsageError: when called, a net that isn't `MergedClasses` of these groups, a sample beyond the labels, or
            one of another class than its pseudo-class's: those are of another training part, or in another order.
    """

    def __init__(self, labels: Tensor, groups: tuple[tuple[int, ...], ...]) -> None:
        self.labels = labels
        self.groups = groups
        self._classes = torch.empty(sum(map(len, groups)), dtype=torch.int64)
        for c, group in enumerate(groups):
            self._classes[list(group)] = c

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        if not isinstance(net, MergedClasses):
            raise LeveretUsageError(
                f"pseudo-classes need a MergedClasses net, got {type(net).__name__}: PseudoClasses.net makes one"
            )
        if net.groups != self.groups:
            raise LeveretUsageError(f"the net merges {net.groups}, the pseudo-classes are {self.groups}")
        indices = batch.indices.cpu()
        if int(indices.max()) >= len(self.labels):
            raise LeveretUsageError(
                f"there are pseudo-labels for {len(self.labels)} samples, and the batch holds sample "
                f"{int(indices.max())} (from 0)"
            )
        pseudo = self.labels[indices]
        if not torch.equal(self._classes[pseudo], batch.labels.cpu()):
            raise LeveretUsageError("the pseudo-classes were made of another training part, or of one in another order")
        logits = net.net(batch.inputs)
        batch.logits = net.merge(logits)
        return {"pseudo_cross_entropy": F.cross_entropy(logits, pseudo.to(logits.device))}

    def __repr__(self) -> str:
        return f"PseudoCrossEntropy({len(self._classes)} pseudo-classes of {len(self.groups)} classes)"


def pseudo_classes(
    data: Any,
    k: int | Literal["search"] | None = None,
    *,
    net: nn.Module | None = None,
    features: ArrayLike | None = None,
    seed: int = 0,
    backend: Backend = "auto",
) -> PseudoClasses:
    """Split each class that is more frequent than the rarest into clusters of its features.

    Args:
        data: from `leveret.load` or `from_arrays`.
        k: clusters of the most frequent class; the others get as many as makes their clusters about as large, at least
            one. None: so many that clusters are about as large as the rarest class, at most 10 and no more than there
            are different samples. "search": for each class but the rarest the number from 1 to 10 whose clusters are
            best told apart, by the mean silhouette of two thousand samples; 1 where none reaches 0.05.
        net: a trained net, whose features are clustered.
        features: `(training samples, d)`, in place of a net's. Default: the samples themselves, `raw_features`.
        seed, backend: as for `cluster`.

    Source: Japkowicz, "Supervised learning with unsupervised output separation", 2002.

    Raises:
        LeveretDataError: a class without a training sample, one with fewer different samples than clusters that were
            asked for, or features that aren't finite.
        LeveretUsageError: k out of range.
    """
    asked = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if not (k is None or k == "search" or (asked and int(k) >= 1)):
        raise LeveretUsageError(f"k must be at least 1 cluster, 'search' or None, got {k!r}")
    labels = np.asarray(data.train.labels)
    counts = np.bincount(labels, minlength=data.num_classes)
    if (counts == 0).any():
        raise LeveretDataError(f"class {data.classes[int(counts.argmin())]!r} has no training sample")
    rows = features_for(data, net, features, seed)
    pseudo = np.empty(len(labels), dtype=np.int64)
    groups: list[tuple[int, ...]] = []
    names: list[str] = []
    for c, count in enumerate(counts):
        places = np.flatnonzero(labels == c)
        if k == "search":
            number = _searched(rows[places], seed, backend) if count > counts.min() else 1
        elif k is not None:
            number = max(1, round(int(count) * int(k) / int(counts.max())))
        else:
            number = different_rows(rows[places], min(_MOST, max(1, round(int(count) / int(counts.min())))))
        try:
            found, _ = cluster(rows[places], number, seed=seed, backend=backend)
        except LeveretDataError as error:
            raise LeveretDataError(f"class {data.classes[c]!r}: {error}") from error
        first = len(names)
        pseudo[places] = first + found
        groups.append(tuple(range(first, first + number)))
        own = data.classes[c]
        names += [own] if number == 1 else [f"{own}/{i + 1}" for i in range(number)]
    return PseudoClasses(pseudo, tuple(groups), tuple(names))


def _searched(rows: NDArray[np.float32], seed: int, backend: Backend) -> int:
    """The number of clusters with the best mean silhouette (Rousseeuw, 1987)."""
    from sklearn.metrics import silhouette_score

    chosen = np.random.default_rng(seed).permutation(len(rows))[:_SAMPLED]
    rows = rows[np.sort(chosen)]
    best, score = 1, _TELLING
    # a silhouette needs fewer clusters than samples
    for k in range(2, min(different_rows(rows, _MOST), len(rows) - 1) + 1):
        found, _ = cluster(rows, k, seed=seed, backend=backend)
        reached = float(silhouette_score(rows, found))
        if reached > score:
            best, score = k, reached
    return best
