"""Tables that every method's report has: models side by side, and figures per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.blocks import Table
from leveret.report.contender import Contender
from leveret.report.words import operations, share, size

__all__ = ["comparison_table", "per_class_table"]

_MANY = 16


def comparison_table(contenders: Sequence[Contender], strong: int | None = None) -> Table:
    """A row a model; operations on bits have a column where there are any."""
    columns = (
        "model",
        "accuracy",
        "95 % interval",
        "size",
        "ms/image",
        f"images/s, by {contenders[0].batch}",
    )
    bits = any(c.binary_macs for c in contenders)
    kinds = ("float operations", "bit operations") if bits else ("operations",)
    return Table(
        "Models on the same test images",
        (*columns, *kinds),
        tuple(
            (
                f"{c.title}: {c.what}",
                share(c.accuracy),
                f"{100 * c.interval[0]:.2f} – {100 * c.interval[1]:.2f}",
                size(c.bytes),
                f"{c.ms_per_image:.3g}",
                f"{c.images_per_second:,.0f}",
                *(operations(number) for number in (c.macs, c.binary_macs)[: len(kinds)]),
            )
            for c in contenders
        ),
        strong=strong,
        cards=True,
    )


def per_class_table(evaluation: Evaluation, unit: str = "images") -> Table:
    """Precision, recall and F1 of each class: in the order of the classes, or the worst first where there are many."""
    samples = evaluation.confusion.sum(1)
    order = np.arange(len(samples))
    many = len(samples) > _MANY
    if many:
        order = np.argsort(evaluation.f1, kind="stable")
    return Table(
        "Precision and recall of each class" + (", the worst first" if many else ""),
        ("class", "precision", "recall", "F1", unit),
        tuple(
            (
                evaluation.classes[i],
                # of nothing predicted, or nothing there, no share is known
                share(evaluation.precision[i]) if evaluation.confusion[:, i].any() else "–",
                share(evaluation.recall[i]) if samples[i] else "–",
                f"{evaluation.f1[i]:.3f}",
                f"{samples[i]:,}",
            )
            for i in order
        ),
        bars=(1, 2),
        scroll=many,
    )
