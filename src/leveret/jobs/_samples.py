"""Test images to look at: the mistakes that the model was surest of, and one right answer a class."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.samples import Sample

__all__ = ["samples"]


def samples(data: Any, evaluation: Evaluation, most: int = 12) -> list[Sample]:
    """At most `most` wrong and `most` right ones, with their pixels."""
    said = evaluation.predictions
    sure = evaluation.probabilities.max(1)
    wrong = np.flatnonzero(said != evaluation.labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    right = np.flatnonzero(said == evaluation.labels)
    # the first of each class, then the second of each, …
    right = right[np.lexsort((evaluation.labels[right], _rank_in_class(evaluation.labels[right])))][:most]
    chosen = np.concatenate([wrong, right])
    if not len(chosen):
        return []
    pixels = data.test.fetch(chosen)
    return [
        Sample(
            pixels=image,
            true=evaluation.classes[int(evaluation.labels[i])],
            said=evaluation.classes[int(said[i])],
            probability=float(sure[i]),
        )
        for i, image in zip(chosen, pixels, strict=True)
    ]


def _rank_in_class(labels: Any) -> Any:
    """How many of the same class came before, for each."""
    ranks = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        ranks[places] = np.arange(len(places))
    return ranks
