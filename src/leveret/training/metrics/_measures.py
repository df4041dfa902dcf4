"""All figures of a model on skewed data at once, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.errors import LeveretUsageError
from leveret.metrics import Evaluation, wilson_interval
from leveret.training.metrics._bootstrap import Interval, as_json, check_bootstrap, percentile_interval
from leveret.training.metrics._calibration import calibration_error, classwise_calibration_error
from leveret.training.metrics._curves import area_per_class, checked_precision, recall_at_precision
from leveret.training.metrics._decisions import (
    MajorityVote,
    balanced_of,
    f_beta_of,
    macro,
    majority_vote,
    matthews_of,
)
from leveret.training.metrics._inputs import Positive, Scored, positive_class, scored
from leveret.training.metrics._resampled import Resampled, resampled
from leveret.training.metrics._shots import ShotAccuracy, shot_accuracy

__all__ = ["ClassMeasures", "Measures", "measure"]

# a resample holds some positives twice, which makes these larger; the mean over many classes would lie outside of its
# own interval
_GROW = frozenset(("average_precision", "recall_at_precision"))


@dataclass(frozen=True)
class ClassMeasures:
    """One class against the rest.

    Attributes:
        label, name: the class.
        samples: measured on.
        train_samples: trained on; None where that isn't known.
        recall, precision: of the likeliest class, with Wilson's intervals, which hold for few samples too.
        average_precision, roc_auc: with bootstrap intervals.
    """

    label: int
    name: str
    samples: int
    train_samples: int | None
    recall: Interval
    precision: Interval
    average_precision: Interval
    roc_auc: Interval

    def as_dict(self) -> dict[str, Any]:
        """For JSON; None for what has no figure."""
        plain = {key: getattr(self, key) for key in ("label", "name", "samples", "train_samples")}
        names = ("recall", "precision", "average_precision", "roc_auc")
        return plain | as_json({name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class Measures:
    """What a model is worth on skewed data.

    Attributes:
        samples: measured on.
        classes: names.
        positive: the class that areas, F-beta and recall at a precision are of, from 0; None: they are means over the
            classes that occur (macro).
        figures: `average_precision`, `roc_auc`, `balanced_accuracy`, `recall_at_precision`, `f_beta`, `mcc`,
            `accuracy`, `calibration_error`, `classwise_calibration_error`, each with its interval: Wilson's for
            accuracy, the stratified bootstrap's for the others. Those of average precision and of the recall at a
            precision are too narrow where positives are few: with 50 of them, intervals of 90 % held the truth about
            80 times in 100.
        per_class: in the order of the classes.
        majority: what always saying the most frequent class reaches.
        shots: many-shot, medium-shot and few-shot accuracy; None without training counts.
        settings: `beta`, `precision`, `bins`, `resamples`, `level`, `seed`.
    """

    samples: int
    classes: tuple[str, ...]
    positive: int | None
    figures: dict[str, Interval]
    per_class: tuple[ClassMeasures, ...]
    majority: MajorityVote
    shots: ShotAccuracy | None
    settings: dict[str, Any]

    def __getitem__(self, name: str) -> Interval:
        """A figure by its name."""
        return self.figures[name]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; None for what has no figure."""
        return {
            "samples": self.samples,
            "positive": None if self.positive is None else self.classes[self.positive],
            "figures": as_json(self.figures),
            "per_class": [one.as_dict() for one in self.per_class],
            "majority_vote": self.majority.as_dict(),
            "shots": None if self.shots is None else self.shots.as_dict(),
            "settings": dict(self.settings),
        }


def measure(
    scores: Evaluation | ArrayLike,
    labels: ArrayLike | None = None,
    *,
    train_counts: ArrayLike | None = None,
    positive: Positive = None,
    beta: float = 1.0,
    precision: float = 0.9,
    bins: int = 15,
    shot_thresholds: tuple[int, int] | None = (100, 20),
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Measures:
    """Measure a model where one class is rare.

    Args:
        scores, labels: probabilities `(n, num_classes)` and `(n,)`, or an `Evaluation` alone.
        train_counts: `(num_classes,)` training samples of each class, such as `data.train.class_counts()`.
        positive: the class of interest; by default the rarer of two in the labels, or all of many.
        beta: of F-beta.
        precision: at which recall is measured.
        bins: of calibration.
        shot_thresholds: see `shot_accuracy`; None takes thirds of the classes.
        resamples: of the bootstrap; 0 gives no intervals but Wilson's. Time grows with resamples x samples x classes:
            about two seconds for 1000 x 10,000 x 10.
        level: of the bootstrap's intervals; Wilson's are of 95 %.
        seed: of the bootstrap.

    Raises:
        LeveretUsageError: an argument out of range, scores that aren't probabilities, labels that don't fit.
    """
    check_bootstrap(resamples, level)
    checked_precision(precision)
    if not beta > 0:
        raise LeveretUsageError(f"beta must be above 0, got {beta}")
    data = scored(scores, labels, probabilities=True)
    chosen = positive_class(data, None, positive)
    counts = None if train_counts is None else np.asarray(train_counts)
    # checks the counts, before the work
    shots = None if counts is None else shot_accuracy(data, train_counts=counts, thresholds=shot_thresholds)
    found = resampled(data, precision, bins, resamples, seed)
    areas = {name: area_per_class(data, name) for name in ("average_precision", "roc_auc")}
    return Measures(
        samples=len(data.labels),
        classes=data.classes,
        positive=chosen,
        figures=_figures(data, chosen, areas, found, beta, precision, bins, level),
        per_class=tuple(_per_class(data, areas, found, counts, level)),
        majority=majority_vote(data.labels, counts, data.classes),
        shots=shots,
        settings={
            "beta": beta, "precision": precision, "bins": bins, "resamples": resamples, "level": level, "seed": seed,
        },
    )  # fmt: skip


def _figures(
    data: Scored,
    chosen: int | None,
    areas: dict[str, NDArray[np.float64]],
    found: Resampled,
    beta: float,
    precision: float,
    bins: int,
    level: float,
) -> dict[str, Interval]:
    def one(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return macro(values) if chosen is None else values[..., chosen]

    confusion = data.confusion
    pairs: dict[str, tuple[Any, NDArray[np.float64]]] = {
        "average_precision": (one(areas["average_precision"]), one(found.average_precision)),
        "roc_auc": (one(areas["roc_auc"]), one(found.roc_auc)),
        "balanced_accuracy": (balanced_of(confusion), balanced_of(found.confusion)),
        "recall_at_precision": (
            recall_at_precision(data, precision=precision, positive=chosen),
            one(found.recall_at_precision),
        ),
        "f_beta": (one(f_beta_of(confusion, beta)), one(f_beta_of(found.confusion, beta))),
        "mcc": (matthews_of(confusion), matthews_of(found.confusion)),
    }
    figures = {
        name: percentile_interval(float(value), others, level, centred=name in _GROW)
        for name, (value, others) in pairs.items()
    }
    figures["accuracy"] = _wilson(int(np.trace(confusion)), len(data.labels))
    for name, function, others in (
        ("calibration_error", calibration_error, found.calibration_error),
        ("classwise_calibration_error", classwise_calibration_error, found.classwise_calibration_error),
    ):
        figures[name] = percentile_interval(function(data, bins=bins), others, level, centred=True)
    return figures


def _per_class(
    data: Scored,
    areas: dict[str, NDArray[np.float64]],
    found: Resampled,
    counts: NDArray[Any] | None,
    level: float,
) -> list[ClassMeasures]:
    confusion = data.confusion
    right, true, said = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    return [
        ClassMeasures(
            label=c,
            name=name,
            samples=int(true[c]),
            train_samples=None if counts is None else int(counts[c]),
            recall=_wilson(int(right[c]), int(true[c])),
            precision=_wilson(int(right[c]), int(said[c])),
            average_precision=percentile_interval(
                float(areas["average_precision"][c]), found.average_precision[:, c], level, centred=True
            ),
            roc_auc=percentile_interval(float(areas["roc_auc"][c]), found.roc_auc[:, c], level),
        )
        for c, name in enumerate(data.classes)
    ]


def _wilson(part: int, whole: int) -> Interval:
    if not whole:
        return Interval(float("nan"), float("nan"), float("nan"))
    return Interval(part / whole, *wilson_interval(part, whole))
