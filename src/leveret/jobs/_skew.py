"""What jobs say of skewed data: the ratio in words, and a trial's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from leveret._skew import skew_of
from leveret.errors import LeveretUsageError
from leveret.jobs._trial import kept_evaluation
from leveret.training.metrics import choose_threshold, measure

__all__ = ["SKEWED", "figures_of", "headline_of", "skew_in_words"]

_EVEN = 1.05
SKEWED = 1.5  # from so many to one on, figures of skew are shown


def skew_in_words(counts: ArrayLike) -> str:
    """How rare the rarest class is."""
    found = skew_of(np.asarray(counts))
    if found is None or found.ratio < _EVEN:
        return "all alike frequent"
    return f"the rarest is {found.in_words} of the most frequent"


def headline_of(data: Any) -> str:
    """The figure that methods are ranked by: the area under precision and recall of a rare class, or balanced accuracy.

    Of two classes the rare one is to be found, wherever the threshold; of many each is to be named.
    """
    return "pr_auc" if data.num_classes == 2 else "balanced_accuracy"


def figures_of(folder: Path, data: Any) -> dict[str, Any]:
    """A finished trial's figures on the test part, by the keys of `report.figure_names`.

    Of two classes F1 is at a threshold that is chosen on the validation part, where there is one.
    """
    test, validation = (kept_evaluation(folder, data, part) for part in ("test", "val"))
    if test is None:
        raise LeveretUsageError(f"{data.source} has no test part")
    counts = data.train.class_counts()
    two = data.num_classes == 2
    rare = int(counts[1] <= counts[0]) if two else None
    found = measure(test, train_counts=counts, positive=rare, resamples=0, shot_thresholds=_thresholds(counts))
    figures: dict[str, Any] = {
        "pr_auc": found["average_precision"].value,
        "roc_auc": found["roc_auc"].value,
        "balanced_accuracy": found["balanced_accuracy"].value,
        "mcc": found["mcc"].value,
        "ece": found["calibration_error"].value,
        "accuracy": found["accuracy"].value,
        "majority_accuracy": float((test.labels == counts.argmax()).mean()),
    }
    if found.shots is not None and not two and counts.max() > SKEWED * counts.min():
        figures |= {name: getattr(found.shots, name) for name in ("many", "medium", "few")}
    if two:
        figures |= {"recall_at_90": found["recall_at_precision"].value, "f1": found["f_beta"].value}
    if rare is not None and validation is not None and len(set(validation.labels.tolist())) == 2:
        threshold = choose_threshold(validation, positive=rare)
        figures["threshold"] = threshold.as_dict()
        figures["f1"] = threshold.measure(test)["f1"].value
    return figures


def _thresholds(counts: Any) -> tuple[int, int] | None:
    """Of many and few shots: the usual ones where all three groups have classes, else thirds of them."""
    many, few = 100, 20
    groups = {0 if n > many else 2 if n < few else 1 for n in counts.tolist()}
    return (many, few) if len(groups) == 3 else None
