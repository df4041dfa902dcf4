"""Which classes are taken for which: a shaded table for few classes, a heat map for many, and the worst pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Figure, Matrix, Table
from leveret.report.figures import COLORS, axes_of, drawing, svg_of
from leveret.report.words import share, short

if TYPE_CHECKING:
    from leveret.training.metrics import SegmentationEvaluation

__all__ = ["confusion_blocks"]

_MOST_IN_A_TABLE = 16
_WORST = 8


def confusion_blocks(evaluation: Evaluation | SegmentationEvaluation, unit: str = "images") -> list[Block]:
    """The matrix in the form that suits the number of classes, then the commonest confusions.

    Args:
        evaluation: anything with `confusion` and `classes`.
        unit: of what is counted; pixels, which are many, are shown as shares of their true class.
    """
    counts = evaluation.confusion
    blocks: list[Block] = []
    if len(counts) <= _MOST_IN_A_TABLE:
        shown, of = counts, unit
        if unit == "pixels":
            shown, of = (100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)).round(), "% of each true class"
        cells = tuple(tuple(int(n) for n in row) for row in shown)
        blocks.append(Matrix(f"Confusion matrix, in {of}", "true class", "predicted class", evaluation.classes, cells))
    else:
        blocks.append(_heat_map(evaluation, unit))
    worst = worst_pairs(counts)
    if worst:
        rows = tuple(
            (evaluation.classes[true], evaluation.classes[said], f"{number:,}", share(part))
            for true, said, number, part in worst
        )
        blocks.append(Table("Commonest confusions", ("true class", "taken for", unit, "of its class"), rows, text=(1,)))
    return blocks


def worst_pairs(counts: Any, most: int = _WORST) -> list[tuple[int, int, int, float]]:
    """(true, predicted, images, share of the true class) of the commonest mistakes, the commonest first."""
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:most]
    places = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, counts.shape), strict=True)]
    return [(i, j, int(counts[i, j]), float(counts[i, j] / counts[i].sum())) for i, j in places if mistakes[i, j]]


def _heat_map(evaluation: Evaluation | SegmentationEvaluation, unit: str) -> Figure:
    counts = evaluation.confusion
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    k = len(counts)
    with drawing():
        from matplotlib.colors import to_rgb

        figure, axes = axes_of(5.6, 6.4)
        axes.set_xlim(-0.5, k - 0.5)
        axes.set_ylim(k - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.grid(visible=False)
        # squares rather than an image: they take the page's colours, and a sparse matrix has few of them
        for row, column in zip(*np.nonzero(shares > 0.004), strict=True):
            axes.add_patch(_square(int(row), int(column), float(shares[row, column]), to_rgb(COLORS["accent"])))
        step = max(1, k // 10)
        ticks = list(range(0, k, step))
        names = [short(evaluation.classes[i]) for i in ticks]
        axes.set_xticks(ticks, names, rotation=90)
        axes.set_yticks(ticks, names)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        svg = svg_of(figure, "confusion")
    right = float(np.trace(counts) / max(counts.sum(), 1))
    return Figure(
        svg,
        f"Heat map of true against predicted class for {k} classes; {share(right)} of the {unit} lie on the diagonal, "
        "where the prediction is right. The table that follows lists the commonest confusions.",
        f"Share of each true class that was predicted as each class; every {step}th of {k} classes is named."
        if step > 1
        else "Share of each true class that was predicted as each class.",
    )


def _square(row: int, column: int, value: float, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    # the root makes rare confusions visible beside a full diagonal
    return Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=(*colour, value**0.5), edgecolor="none", linewidth=0)
