"""Recall beside training counts, and how sure a model may be: bars for skewed data."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.blocks import Figure
from leveret.report.figures import COLORS, drawing, grid_of, svg_of
from leveret.report.words import share, short
from leveret.training.metrics import Measures, reliability

__all__ = ["recall_figure", "reliability_figure"]

_MOST_NAMES = 24
_FEW = 10  # samples of a bin, below which its height says little


def recall_figure(measures: Measures) -> Figure:
    """How often each class is found, beside how many samples of it were trained on, the most frequent first.

    Args:
        measures: from `leveret.training.metrics.measure`; without training counts the samples measured on stand there.
    """
    trained = all(one.train_samples is not None for one in measures.per_class)
    numbers = [one.train_samples or 0 if trained else one.samples for one in measures.per_class]
    order = sorted(range(len(numbers)), key=lambda c: -numbers[c])
    classes = [measures.per_class[c] for c in order]
    counts = [numbers[c] for c in order]
    k = len(order)
    named = k <= _MOST_NAMES
    with drawing():
        height = 0.75 + (0.29 * k if named else 5.5)
        figure, grid = grid_of(1, 2, height, sharey=True, width_ratios=[2, 3])
        figure.get_layout_engine().set(wspace=0.07)  # else the axes' numbers meet
        left, right = grid[0]
        rows = np.arange(k)
        thick = 0.62 if named else 1.0
        left.barh(rows, counts, height=thick, color=COLORS["a"])
        values = [100 * one.recall.value for one in classes]
        right.barh(rows, np.nan_to_num(values), height=thick, color=COLORS["accent"])
        if named:
            for row, one in enumerate(classes):
                if not np.isnan(one.recall.value):
                    ends = [100 * one.recall.low, 100 * one.recall.high]
                    right.plot(ends, [row, row], color=COLORS["ink"], linewidth=1.2)
        _count_axis(left, counts, "training samples" if trained else "samples")
        right.set_xlim(0, 104)
        right.set_title("recall, %", loc="left", fontsize=10.5, color=COLORS["faint"])
        mean = 100 * measures["balanced_accuracy"].value
        right.axvline(mean, color=COLORS["b"], linewidth=1.4, linestyle=(0, (4, 3)))
        left.set_ylim(k - 0.4, -0.6)
        step = 1 if named else max(1, k // 12)
        left.set_yticks(rows[::step], [short(one.name, 14) for one in classes[::step]])
        for axes in (left, right):
            axes.grid(visible=False, axis="y")
        svg = svg_of(figure, "recall-by-class")
    known = [one for one in classes if not np.isnan(one.recall.value)]
    worst = sorted(known, key=lambda one: one.recall.value)[:5]
    told = "; ".join(f"{one.name} {share(one.recall.value)} of {one.samples:,}" for one in worst)
    whiskers = " Lines: 95 % intervals." if named else f" One in {step} of {k} classes is named."
    return Figure(
        svg,
        f"Bars of {'training samples' if trained else 'samples'} and of recall for {k} classes, the most frequent "
        f"first. The lowest recalls: {told}. Their mean, the balanced accuracy, is {mean:.2f} %.",
        f"Recall of each class, the most frequent first.{whiskers} Dashed: their mean, the balanced accuracy.",
    )


def _count_axis(axes: Any, counts: list[int], title: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    title_words = title
    if max(counts) > 20 * max(1, min(counts)):
        axes.set_xscale("symlog", linthresh=1)
        most = int(np.ceil(np.log10(max(counts) * 1.01)))
        axes.set_xlim(0, 10**most)
        axes.set_xticks([10**power for power in range(0, most + 1, 1 if most <= 3 else 2)])
        axes.minorticks_off()
        title_words += ", log"
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    axes.set_title(title_words, loc="left", fontsize=10.5, color=COLORS["faint"])


def _number(value: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def reliability_figure(evaluation: Evaluation, *, bins: int = 15, positive: int | None = None) -> Figure:
    """How often a model is right, against how sure it is, and how many samples it is so sure of.

    Args:
        evaluation: of any number of classes.
        bins: of equal width.
        positive: of this class's probability; default: of the likeliest class's.
    """
    found = reliability(evaluation, bins=bins, positive=positive)
    known = found.counts > 0
    centres = 50 * (found.edges[1:] + found.edges[:-1])
    width = 100 / bins
    name = None if positive is None else evaluation.classes[positive]
    with drawing():
        figure, grid = grid_of(2, 1, 4.4, sharex=True, height_ratios=[3, 1])
        upper, lower = grid[0][0], grid[1][0]
        upper.plot([0, 100], [0, 100], color=COLORS["faint"], linewidth=1, linestyle=(0, (4, 3)))
        for few in (False, True):
            these = known & ((found.counts < _FEW) == few)
            height = 100 * found.accuracy[these]
            upper.bar(centres[these], height, 0.86 * width, color=COLORS["accent"], alpha=0.25 if few else 0.75)
        # what is missing to the confidence, or too much
        upper.vlines(
            100 * found.confidence[known],
            100 * found.accuracy[known],
            100 * found.confidence[known],
            color=COLORS["b"],
            linewidth=2,
        )
        sure = 100 * found.confidence[known]
        upper.plot(sure, sure, "o", color=COLORS["b"], markersize=3.5)
        upper.set_ylim(0, 103)
        upper.set_xlim(0, 100)
        title = "right, %" if name is None else f"really {short(name, 20)}, %"
        upper.set_title(title, loc="left", fontsize=10.5, color=COLORS["faint"])
        upper.set_title(f"calibration error {found.error:.3f}", loc="right", fontsize=10.5, color=COLORS["accent"])
        lower.bar(centres, 100 * found.counts / found.counts.sum(), 0.86 * width, color=COLORS["a"])
        lower.set_title("samples, %", loc="left", fontsize=10.5, color=COLORS["faint"])
        lower.set_xlabel("how sure, %" if name is None else f"probability of {short(name, 20)}, %")
        for axes in (upper, lower):
            axes.grid(visible=False, axis="x")
        svg = svg_of(figure, "reliability")
    gap = found.confidence - found.accuracy
    weight = np.where(known, found.counts, 0)
    mean = float((np.nan_to_num(gap) * weight).sum() / weight.sum())
    side = "surer than right" if mean > 0 else "righter than sure"
    what = "the likeliest class" if name is None else name
    return Figure(
        svg,
        f"Reliability diagram of the probability of {what} in {bins} bins: the expected calibration error is "
        f"{found.error:.3f}; on the whole the model is {abs(100 * mean):.1f} points {side}.",
        f"How often {'the model is right' if name is None else f'a sample is {name}'}, against how sure the model is; "
        "orange: the distance to the diagonal, where both agree."
        + (f" Pale: fewer than {_FEW} samples." if (known & (found.counts < _FEW)).any() else ""),
    )
