"""`few_labels`: a source of which only some training samples keep their label, as where labels are dear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leveret.data._labels import UNLABELLED
from leveret.data._types import Data
from leveret.errors import LeveretUsageError

__all__ = ["few_labels"]


def few_labels(data: Data, per_class: int | None = None, share: float | None = None, *, seed: int = 0) -> Data:
    """The same source with few labels: the other training samples stay, with the label −100.

    Objectives that learn from samples without a label, as `leveret.rules.RuleDistillation` does, may use them; for
    others `data.train.subset(data.train.labels >= 0)` leaves them out.

    Args:
        data: from `leveret.load`; it is not changed.
        per_class: labels to keep of each class, at least 1; all of a class that has fewer.
        share: or the share of each class's labels to keep, in (0, 1], at least one.
        seed: of which are kept.

    Returns:
        New `Data` whose validation and test parts are as before; nothing is copied.

    Raises:
        LeveretUsageError: neither or both of the two, or one out of range.
    """
    if (per_class is None) == (share is None):
        raise LeveretUsageError("give either per_class or share")
    if per_class is not None and per_class < 1:
        raise LeveretUsageError(f"per_class must be at least 1, got {per_class}")
    if share is not None and not 0 < share <= 1:
        raise LeveretUsageError(f"share must be in (0, 1], got {share}")
    generator = np.random.default_rng(seed)
    labels = np.full(len(data.train), UNLABELLED, np.int64)
    for label in range(data.num_classes):
        members = generator.permutation(np.flatnonzero(data.train.labels == label))
        wanted = max(1, round(share * len(members))) if share is not None else int(per_class or 0)
        labels[members[:wanted]] = label
    note = f"labels of {int((labels >= 0).sum())} of {len(labels)} training samples were kept (seed {seed})"
    train = data.train.relabelled(labels)
    return replace(data, train=train, report=replace(data.report, notes=[*data.report.notes, note]))
