"""Blocks for skewed data: what a model is worth where accuracy isn't the answer."""

from __future__ import annotations

import numpy as np

from leveret.errors import LeveretUsageError
from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Table
from leveret.report.skew_bars import recall_figure, reliability_figure
from leveret.report.skew_curves import precision_recall_figure, roc_figure
from leveret.report.words import share
from leveret.training.metrics import Interval, Measures, Threshold

__all__ = ["measures_table", "shots_table", "skew_blocks", "threshold_table"]

_NAMES = {
    "average_precision": "area below precision-recall",
    "roc_auc": "area below ROC",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "accuracy": "accuracy",
    # with a soft hyphen, for a phone
    "calibration_error": "calibra\u00adtion error",
    "classwise_calibration_error": "calibra\u00adtion error by class",
    "recall": "recall",
    "precision": "precision",
    "specificity": "others left alone",
    "f1": "F1",
    "fbeta": "F-beta",
    "cost": "cost of a sample",
    "flagged": "samples flagged",
}
_SHARES = frozenset(
    ("balanced_accuracy", "accuracy", "recall", "precision", "specificity", "flagged", "recall_at_precision")
)


def skew_blocks(evaluation: Evaluation, measures: Measures, threshold: Threshold | None = None) -> list[Block]:
    """Tables and plots of one model.

    Args:
        evaluation: on the test part.
        measures: of it, from `leveret.training.metrics.measure`.
        threshold: chosen on the validation part; marked on the curves, and measured on this evaluation.
    """
    blocks: list[Block] = [measures_table(measures)]
    if threshold is not None:
        blocks.append(threshold_table(threshold, evaluation))
    if measures.shots is not None and len(measures.classes) > 2:
        blocks.append(shots_table(measures))
    bins = int(measures.settings["bins"])
    blocks += [
        precision_recall_figure(evaluation, positive=measures.positive, threshold=threshold),
        roc_figure(evaluation, positive=measures.positive, threshold=threshold),
        recall_figure(measures),
        # of two classes the rare one's probability: in that of the likeliest class the other would hide it
        reliability_figure(evaluation, bins=bins, positive=measures.positive),
    ]
    return blocks


def measures_table(measures: Measures) -> Table:
    """The figures with their intervals, beside what always saying the most frequent class reaches."""
    one = "" if measures.positive is None else f", of {measures.classes[measures.positive]}"
    names = _NAMES | {
        "recall_at_precision": f"recall at {100 * measures.settings['precision']:g} % precision",
        "f_beta": "F1" if measures.settings["beta"] == 1 else f"F-beta, beta {measures.settings['beta']:g}",
    }
    vote = measures.majority
    said = {"balanced_accuracy": share(vote.balanced_accuracy), "accuracy": share(vote.accuracy), "mcc": "0.000"}
    said["roc_auc"] = "0.500"
    if measures.positive is not None:
        said["average_precision"] = f"{measures.per_class[measures.positive].samples / measures.samples:.3f}"
    rows = tuple(
        (names[name], _value(name, interval.value), _range(name, interval), said.get(name, "–"))
        for name, interval in measures.figures.items()
    )
    return Table(
        f"On {measures.samples:,} samples{one or ', means over the classes'}",
        ("figure", "model", f"{100 * measures.settings['level']:g} % interval", f"always {vote.name}"),
        rows,
    )


def threshold_table(threshold: Threshold, evaluation: Evaluation | None = None) -> Table:
    """What a threshold does, on an evaluation beside the samples that it was chosen on, or on those alone."""
    shown = threshold.figures if evaluation is None else threshold.measure(evaluation)
    columns: tuple[str, ...] = ("figure", "here" if evaluation is not None else "where chosen", "interval")
    rows: tuple[tuple[str, ...], ...] = tuple(
        (_NAMES[name], _value(name, interval.value), _range(name, interval)) for name, interval in shown.items()
    )
    if evaluation is not None:
        columns += ("where chosen",)
        rows = tuple((*row, _value(name, threshold.figures[name].value)) for row, name in zip(rows, shown, strict=True))
    around = "" if np.isnan(threshold.low) else f" ({threshold.low:.3g} – {threshold.high:.3g})"
    return Table(
        f"{threshold.name} from a probability of {threshold.value:.3g}{around} on, chosen for {threshold.criterion}",
        columns,
        rows,
    )


def shots_table(measures: Measures) -> Table:
    """Accuracy of classes with many, some and few training samples.

    Raises:
        LeveretUsageError: measures that were made without training counts.
    """
    shots = measures.shots
    if shots is None:
        raise LeveretUsageError("measures without training counts have no shots; give train_counts to measure")
    rows = []
    for name, classes in shots.groups.items():
        counts = [measures.per_class[c].train_samples or 0 for c in classes]
        trained = "–" if not counts else f"{min(counts):,} – {max(counts):,}"
        rows.append((f"{name}-shot", f"{len(classes):,}", trained, _value("accuracy", getattr(shots, name))))
    rows.append(("all", f"{len(measures.classes):,}", "", _value("accuracy", shots.overall)))
    return Table(
        "Accuracy by the number of training samples", ("classes", "number", "training samples", "mean recall"),
        tuple(rows),
    )  # fmt: skip


def _value(name: str, value: float) -> str:
    if np.isnan(value):
        return "–"
    return share(value) if name in _SHARES else f"{value:.3f}"


def _range(name: str, interval: Interval) -> str:
    if np.isnan(interval.low):
        return "–"
    if name in _SHARES:
        return f"{100 * interval.low:.2f} – {100 * interval.high:.2f}"
    return f"{interval.low:.3f} – {interval.high:.3f}"
