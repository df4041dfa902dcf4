"""The error-driven preview: what a net takes new classes for, before it has learned them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from leveret.data import Data, of_classes

__all__ = ["Preview", "confidences_of", "mean_confidences", "preview"]

_SAMPLES = 200  # of a class: the mean of so many is known to a few hundredths


@dataclass(frozen=True)
class Preview:
    """Mean softmax activations of new classes.

    Attributes:
        new: names of the new classes, the rows.
        known: names of the classes that the net knows, the columns.
        activations: `(new, known)` float64; each row sums to 1.
        samples: that each row is the mean of.
    """

    new: tuple[str, ...]
    known: tuple[str, ...]
    activations: NDArray[np.float64]
    samples: tuple[int, ...]

    def over(self, groups: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """How much each new class activates each group of known classes: the sums, `(new, groups)`."""
        place = {name: i for i, name in enumerate(self.known)}
        sums = [self.activations[:, [place[n] for n in group if n in place]].sum(1) for group in groups]
        return np.stack(sums, 1)

    def only(self, new: Sequence[str], known: Sequence[str] | None = None) -> Preview:
        """Of some new classes, and of some known ones, over which rows sum to 1 again."""
        rows = [self.new.index(name) for name in new]
        found = self.activations[rows]
        columns = self.known if known is None else tuple(known)
        found = found[:, [self.known.index(name) for name in columns]]
        if known is not None:
            found = found / np.maximum(found.sum(1, keepdims=True), 1e-12)
        return Preview(tuple(new), columns, found, tuple(self.samples[i] for i in rows))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "new": list(self.new),
            "known": list(self.known),
            "activations": self.activations.tolist(),
            "samples": list(self.samples),
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Preview:
        """What `as_dict` gave."""
        found = np.asarray(values["activations"], np.float64).reshape(len(values["new"]), len(values["known"]))
        return Preview(tuple(values["new"]), tuple(values["known"]), found, tuple(values["samples"]))


def preview(net: nn.Module, known: Sequence[str], data: Data, new: Sequence[str], *, seed: int = 0) -> Preview:
    """Show a net samples of new classes and take the mean of its softmax.

    Args:
        net: logits, or log probabilities, `(batch, len(known))`.
        known: the class of each output.
        data: normalised as the net wants it; up to 200 training samples of each new class are taken.
        new: classes of the data.
        seed: of which samples.

    Source: Xiao et al., ACM MM 2014, section 3, "error-driven preview".
    """
    shown = of_classes(data, new).train
    generator = np.random.default_rng(seed)
    rows = []
    for label in range(len(new)):
        members = np.flatnonzero(shown.labels == label)
        rows.append(np.sort(generator.permutation(members)[:_SAMPLES]))
    chosen = shown.subset(np.concatenate(rows).astype(np.int64))
    means = mean_confidences(confidences_of(net, chosen, data.normalization), chosen.labels, len(new))
    return Preview(tuple(new), tuple(known), means, tuple(len(row) for row in rows))


def confidences_of(net: nn.Module, split: Any, normalization: Any) -> NDArray[np.float64]:
    """Softmax of a net's answers to all samples of a part, `(n, outputs)`; none for an empty one."""
    from leveret.training._loader import evaluation_loader

    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            loader = evaluation_loader(split, normalization)
            found = [torch.softmax(net(batch.inputs).double(), 1).numpy() for batch in loader]
    finally:
        net.train(was_training)
    return np.concatenate(found) if found else np.empty((0, 0))


def mean_confidences(confidences: ArrayLike, labels: ArrayLike, classes: int) -> NDArray[np.float64]:
    """`(classes, outputs)`: the mean over each class's samples; a class without any has a row of zeros.

    Of known classes that is the confusion matrix in its soft form: a sample that was all but mistaken counts too.
    """
    rows, truth = np.asarray(confidences, np.float64), np.asarray(labels)
    found = np.zeros((classes, rows.shape[1] if rows.ndim == 2 else 0))
    for label in range(classes):
        if (members := truth == label).any():
            found[label] = rows[members].mean(0)
    return found
