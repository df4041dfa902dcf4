"""Accuracy of classes with many, some and few training samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.training.metrics._decisions import macro, recall_per_class
from leveret.training.metrics._inputs import Scores, scored

__all__ = ["GROUPS", "ShotAccuracy", "shot_accuracy", "shot_groups"]

GROUPS = ("many", "medium", "few")


@dataclass(frozen=True)
class ShotAccuracy:
    """Each the mean of the recalls of a group's classes, in 0..1; NaN of a group without any.

    Attributes:
        many, medium, few: by the number of training samples.
        overall: the mean over all classes: the balanced accuracy.
        groups: the classes of each, from 0.
    """

    many: float
    medium: float
    few: float
    overall: float
    groups: dict[str, tuple[int, ...]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; None where there is no figure."""
        figures = {name: getattr(self, name) for name in (*GROUPS, "overall")}
        groups = {name: list(classes) for name, classes in self.groups.items()}
        return {**{name: None if np.isnan(v) else v for name, v in figures.items()}, "groups": groups}


def shot_accuracy(
    scores: Scores,
    labels: ArrayLike | None = None,
    *,
    train_counts: ArrayLike,
    thresholds: tuple[int, int] | None = (100, 20),
) -> ShotAccuracy:
    """Many-shot, medium-shot and few-shot accuracy.

    Args:
        scores, labels: `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        train_counts: `(num_classes,)` training samples of each class, such as `data.train.class_counts()`.
        thresholds: many-shot classes have more training samples than the first, few-shot ones fewer than the second.
            None takes thirds of the classes in the order of their counts instead, for data whose counts never fall so
            low; where they don't divide, the outer groups are of one size.

    Liu et al., "Large-scale long-tailed recognition in an open world" (CVPR 2019), section 5: more than 100, 20 to
    100, and under 20 images. There each figure is the accuracy over the group's test images, which are balanced; the
    mean of recalls is the same then, and stays what it says where they aren't.

    Raises:
        LeveretUsageError: not a count for each class, or the thresholds are the wrong way round.
    """
    data = scored(scores, labels)
    counts = np.asarray(train_counts)
    if counts.shape != (data.num_classes,) or not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0:
        raise LeveretUsageError(
            f"train_counts must be ({data.num_classes},) integers, a class's training samples each; got "
            f"{counts.dtype} {counts.shape}"
        )
    groups = shot_groups(counts, thresholds)
    recalls = recall_per_class(data)
    many, medium, few = (float(macro(recalls[groups[name]])) if len(groups[name]) else float("nan") for name in GROUPS)
    members = {name: tuple(int(i) for i in places) for name, places in groups.items()}
    return ShotAccuracy(many, medium, few, float(macro(recalls)), members)


def shot_groups(counts: NDArray[Any], thresholds: tuple[int, int] | None) -> dict[str, NDArray[np.int64]]:
    """The classes of each group."""
    if thresholds is None:
        order = np.argsort(-counts, kind="stable")
        third = round(len(order) / 3)
        parts = (order[:third], order[third : len(order) - third], order[len(order) - third :])
    else:
        high, low = thresholds
        if not 0 <= low <= high:
            raise LeveretUsageError(f"thresholds must be (more than, fewer than), the larger first; got {thresholds}")
        few = counts < low
        many = (counts > high) & ~few
        parts = (np.flatnonzero(many), np.flatnonzero(~many & ~few), np.flatnonzero(few))
    return dict(zip(GROUPS, parts, strict=True))
