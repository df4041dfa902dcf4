"""The figures that skewed data is judged by: their names, what they mean, how they are printed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from leveret.report.words import share

__all__ = ["COLUMNS", "HEADLINES", "Column", "in_words"]


@dataclass(frozen=True)
class Column:
    """A figure.

    Attributes:
        key: in `metrics.json`.
        title: of a table's column.
        what: it is, in a few words.
        form: a value as text.
    """

    key: str
    title: str
    what: str
    form: Callable[[float], str]


def _area(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else share(value)


COLUMNS = (
    Column(
        "pr_auc", "PR area", "area under precision against recall, of the rare of two classes, else their mean", _area
    ),
    Column("roc_auc", "ROC area", "area under true against false positives", _area),
    Column("balanced_accuracy", "balanced", "balanced accuracy, the classes' mean recall", _share),
    Column("recall_at_90", "recall at 90 %", "of the rare class, where nine of ten alarms are true", _share),
    Column("many", "many", "accuracy on the frequent classes", _share),
    Column("medium", "medium", "accuracy on those between", _share),
    Column("few", "few", "accuracy on the rare ones", _share),
    Column("f1", "F1", "of the rare class, at the threshold found on the validation part", _area),
    Column("mcc", "MCC", "Matthews's correlation of labels and predictions", _area),
    Column("ece", "calibration", "expected calibration error", _share),
    Column("accuracy", "accuracy", "share of all test samples that is right", _share),
)

HEADLINES = {"pr_auc": "the area under precision and recall", "balanced_accuracy": "balanced accuracy"}
_FORMS = {column.key: column.form for column in COLUMNS}


def in_words(key: str, value: float) -> str:
    """A figure's value as text."""
    return _FORMS[key](value)
