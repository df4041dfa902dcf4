"""Precision-recall and ROC curves: one large for two classes, a small one for each of many."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leveret.metrics import Evaluation
from leveret.report.blocks import Figure
from leveret.report.figures import COLORS, axes_of, drawing, grid_of, svg_of
from leveret.report.words import short
from leveret.training.metrics import (
    PrecisionRecallCurve,
    RocCurve,
    Threshold,
    positive_class,
    precision_recall_curve,
    roc_curve,
)

__all__ = ["precision_recall_figure", "roc_figure"]

_MOST_PANELS = 12
_STEP = 400  # a line's points lie on a grid of so many steps: finer ones can't be seen
_SMALL = 9.0
Kind = Literal["precision-recall", "roc"]
Curve = PrecisionRecallCurve | RocCurve


def precision_recall_figure(
    evaluation: Evaluation, *, positive: int | str | None = None, threshold: Threshold | None = None
) -> Figure:
    """Precision against recall, with the area below and what guesses would reach.

    Args:
        evaluation: of any number of classes.
        positive: the class to draw; by default the rarer of two, or each of many against the rest.
        threshold: marked on its class's curve, at what it finds in this evaluation.
    """
    return _figure(evaluation, "precision-recall", positive, threshold)


def roc_figure(
    evaluation: Evaluation, *, positive: int | str | None = None, threshold: Threshold | None = None
) -> Figure:
    """The share of positives found against the share of others flagged; arguments as `precision_recall_figure`."""
    return _figure(evaluation, "roc", positive, threshold)


def _figure(evaluation: Evaluation, kind: Kind, positive: int | str | None, threshold: Threshold | None) -> Figure:
    chosen = positive_class(evaluation, positive=positive)
    if chosen is not None:
        return _single(evaluation, kind, chosen, threshold)
    return _many(evaluation, kind, threshold)


def _single(evaluation: Evaluation, kind: Kind, positive: int, threshold: Threshold | None) -> Figure:
    name = evaluation.classes[positive]
    curve = _curve(evaluation, kind, positive)
    marked = threshold if threshold is not None and threshold.positive == positive else None
    with drawing():
        figure, axes = axes_of(3.8)
        x, y = _draw(axes, curve)
        axes.fill_between(x, y, color=COLORS["accent"], alpha=0.08, linewidth=0, step="pre" if _is_pr(curve) else None)
        _guesses(axes, curve, words=True)
        if marked is not None:
            _mark(axes, evaluation, marked, kind)
        _limits(axes)
        axes.set_xlabel("recall, %" if kind == "precision-recall" else "others flagged, %")
        axes.set_title(
            f"{'precision' if kind == 'precision-recall' else 'recall'}, %, of {short(name, 24)}",
            loc="left",
            fontsize=10.5,
            color=COLORS["faint"],
        )
        axes.set_title(f"area {_area(curve.area)}", loc="right", fontsize=10.5, color=COLORS["accent"])
        svg = svg_of(figure, kind)
    what = "Precision against recall" if kind == "precision-recall" else "Recall against the share of others flagged"
    guess = f"guesses reach {_area(curve.prevalence)}" if isinstance(curve, PrecisionRecallCurve) else "guesses, 0.500"
    told = "" if marked is None else f" {_told(evaluation, marked, kind)}"
    return Figure(
        svg,
        f"{what} for class {name}: the area below is {_area(curve.area)}, {guess}.{told}",
        f"{what} of {name}, over all thresholds; dashed: guesses."
        + ("" if marked is None else f" The point: the threshold {marked.value:.3g}, chosen for {marked.criterion}."),
    )


def _many(evaluation: Evaluation, kind: Kind, threshold: Threshold | None) -> Figure:
    curves = [_curve(evaluation, kind, c) for c in range(len(evaluation.classes))]
    known = [c for c, curve in enumerate(curves) if not np.isnan(curve.area)]
    shown = known
    if len(known) > _MOST_PANELS:
        shown = sorted(known, key=lambda c: curves[c].area)[:_MOST_PANELS]
    columns = 2 if len(shown) <= 4 else 3
    rows = max(1, -(-len(shown) // columns))
    with drawing():
        figure, grid = grid_of(rows, columns, 0.5 + 1.45 * rows, sharex=True, sharey=True)
        panels = [axes for row in grid for axes in row]
        for place, axes in enumerate(panels):
            if place >= len(shown):
                axes.set_visible(False)
                continue
            curve = curves[shown[place]]
            _draw(axes, curve)
            _guesses(axes, curve)
            if threshold is not None and threshold.positive == shown[place]:
                _mark(axes, evaluation, threshold, kind, words=False)
            _limits(axes, [0, 50, 100])
            axes.tick_params(labelsize=_SMALL)
            # a column's last panel has the numbers, which may stand above an empty place
            axes.tick_params(labelbottom=place + columns >= len(shown))
            name = short(evaluation.classes[shown[place]], 12)
            axes.set_title(name, loc="left", fontsize=_SMALL, color=COLORS["ink"], pad=3)
            axes.set_title(_area(curve.area, 2), loc="right", fontsize=_SMALL, color=COLORS["accent"], pad=3)
        figure.supxlabel(
            "recall, %" if kind == "precision-recall" else "others flagged, %", fontsize=10.5, color=COLORS["faint"]
        )
        figure.supylabel(
            "precision, %" if kind == "precision-recall" else "recall, %", fontsize=10.5, color=COLORS["faint"]
        )
        svg = svg_of(figure, f"{kind}-classes")
    what = "precision against recall" if kind == "precision-recall" else "recall against the share of others flagged"
    areas = "; ".join(f"{evaluation.classes[c]} {_area(curves[c].area)}" for c in shown)
    some = f", the {len(shown)} of the smallest areas out of {len(known)} classes" if len(shown) < len(known) else ""
    mean = float(np.mean([curves[c].area for c in known])) if known else float("nan")
    return Figure(
        svg,
        f"Small line plots of {what}, each class against the rest{some}. Areas: {areas}. Their mean over all classes "
        f"is {_area(mean)}.",
        f"{what.capitalize()}, each class against the rest{some}, with the area below; dashed: guesses. "
        f"The areas' mean over all classes is {_area(mean)}.",
    )


def _curve(evaluation: Evaluation, kind: Kind, positive: int) -> Curve:
    function = precision_recall_curve if kind == "precision-recall" else roc_curve
    return function(evaluation, positive=positive)


def _is_pr(curve: Curve) -> bool:
    return isinstance(curve, PrecisionRecallCurve)


def _draw(axes: Any, curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if isinstance(curve, PrecisionRecallCurve):
        # steps up to each point: the area below is just the average precision
        x, y = _thinned(100 * curve.recall, 100 * curve.precision)
        axes.plot(x, y, color=COLORS["accent"], linewidth=1.8, drawstyle="steps-pre")
    else:
        x, y = _thinned(100 * curve.false_positive_rate, 100 * curve.true_positive_rate)
        axes.plot(x, y, color=COLORS["accent"], linewidth=1.8)
    return x, y


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Without points that lie on the one before, as far as a reader can see; the last is kept."""
    cells = np.stack([np.round(x * _STEP / 100), np.round(y * _STEP / 100)])
    new = np.ones(len(x), dtype=bool)
    new[1:] = (np.diff(cells, axis=1) != 0).any(0)
    new[-1] = True
    return x[new], y[new]


def _guesses(axes: Any, curve: Curve, words: bool = False) -> None:
    level = 100 * curve.prevalence if isinstance(curve, PrecisionRecallCurve) else None
    heights = [0, 100] if level is None else [level, level]
    axes.plot([0, 100], heights, color=COLORS["faint"], linewidth=1, linestyle=(0, (4, 3)))
    if words:
        # off the line, on the side where there is room
        low = level is not None and level < 50
        place = (60, 52) if level is None else (2, level)
        axes.annotate(
            "guesses",
            place,
            xytext=(0, -12 if level is None else 4 if low else -12),
            textcoords="offset points",
            fontsize=_SMALL,
            color=COLORS["faint"],
        )


def _mark(axes: Any, evaluation: Evaluation, threshold: Threshold, kind: Kind, words: bool = True) -> None:
    x, y = _place(evaluation, threshold, kind)
    if np.isnan(x) or np.isnan(y):
        return
    axes.plot(
        x, y, "o", color=COLORS["b"], markersize=8 if words else 5, markeredgecolor="white", zorder=5, clip_on=False
    )
    if words:
        right = x < 60
        axes.annotate(
            f"threshold {threshold.value:.3g}",
            (x, y),
            xytext=(9 if right else -9, -13 if y > 25 else 9),
            textcoords="offset points",
            ha="left" if right else "right",
            fontsize=_SMALL + 0.5,
            color=COLORS["b"],
            zorder=6,
        )


def _place(evaluation: Evaluation, threshold: Threshold, kind: Kind) -> tuple[float, float]:
    """Where the threshold stands on these samples, in per cent."""
    flagged, truth = threshold.predict(evaluation), evaluation.labels == threshold.positive
    hits = int((flagged & truth).sum())
    recall = 100 * hits / truth.sum() if truth.any() else float("nan")
    if kind == "precision-recall":
        return float(recall), 100 * hits / int(flagged.sum()) if flagged.any() else float("nan")
    others = int((~truth).sum())
    return 100 * int((flagged & ~truth).sum()) / others if others else float("nan"), float(recall)


def _told(evaluation: Evaluation, threshold: Threshold, kind: Kind) -> str:
    x, y = _place(evaluation, threshold, kind)
    names = ("recall", "precision") if kind == "precision-recall" else ("of the others flagged", "recall")
    figures = ", ".join(f"{value:.1f} % {name}" for value, name in zip((x, y), names, strict=True))
    return f"The threshold {threshold.value:.3g}, chosen for {threshold.criterion}, gives {figures}."


def _limits(axes: Any, ticks: list[int] | None = None) -> None:
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 103)
    axes.set_xticks(ticks or list(range(0, 101, 20)))
    axes.set_yticks(ticks or list(range(0, 101, 20)))


def _area(value: float, digits: int = 3) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"
