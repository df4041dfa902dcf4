"""Accuracy against a cost: many models as points, with those drawn together that nobody beats in both."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from leveret.report.blocks import Figure
from leveret.report.figures import COLORS, axes_of, drawing, svg_of
from leveret.report.labels import place_labels
from leveret.report.words import share

__all__ = ["Point", "front", "tradeoff"]

_WIDTH, _HEIGHT = 8.2, 5.6
_ACCURACIES = (0.999, 0.998, 0.995, 0.99, 0.98, 0.97, 0.95, 0.9, 0.8, 0.7, 0.5, 0.2)


@dataclass(frozen=True)
class Point:
    """A model in the plot: its name, what it costs, above 0, how often it is right, and whether it is the baseline."""

    name: str
    cost: float
    accuracy: float
    baseline: bool = False


def front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """The Pareto front: places of those that no other beats, the cheapest first; of equals the first."""
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -accuracies[i], i))
    found: list[int] = []
    for i in order:
        if not found or accuracies[i] > accuracies[found[-1]]:
            found.append(i)
    return found


def tradeoff(points: Sequence[Point], samples: int, name: str, cost: str, in_words: Callable[[float], str]) -> Figure:
    """A plot of accuracy against a cost, on logarithmic axes.

    Args:
        points: at least one.
        samples: test images: an error below half of one of them is drawn as that.
        name: keeps the plot's ids apart from others'.
        cost: what the cost is, for the axis: "bytes of the file".
        in_words: a cost as words, for those who can't see the plot.
    """
    best = front([p.cost for p in points], [p.accuracy for p in points])
    with drawing():
        figure, axes = axes_of(_HEIGHT, _WIDTH)
        axes.set_xscale("log")
        heights = [_height(p.accuracy, samples) for p in points]
        corners = _corners([(points[i].cost, heights[i]) for i in best])
        axes.plot(*zip(*corners, strict=True), color=COLORS["accent"], linewidth=1.5, zorder=2)
        for i, point in enumerate(points):
            colour = COLORS["b"] if point.baseline else COLORS["accent"] if i in best else COLORS["faint"]
            above = 4 if point.baseline else 3 if i in best else 2.5
            axes.plot(point.cost, heights[i], "o", color=colour, markersize=7 if i in best else 5, zorder=above)
        _scale(axes, points, heights, samples)
        axes.set_xlabel(f"{cost} (logarithmic)")
        title = "accuracy, % (its error on a logarithmic scale)"
        axes.set_title(title, loc="left", fontsize=10.5, color=COLORS["faint"])
        first = [*best, *(i for i, p in enumerate(points) if p.baseline and i not in best)]
        order = [*first, *(i for i in range(len(points)) if i not in first)]
        place_labels(
            figure,
            axes,
            [(points[i].cost, heights[i], points[i].name) for i in order],
            [COLORS["ink"] if i in first else COLORS["faint"] for i in order],
            corners,
        )
        svg = svg_of(figure, name)
    told = "; ".join(f"{points[i].name}, {in_words(points[i].cost)}, {share(points[i].accuracy)}" for i in best)
    return Figure(
        svg,
        f"Scatter plot of accuracy against {cost} for {len(points)} models. None is both as accurate and cheaper than "
        f"these: {told}. The table holds every figure.",
        "Green: those that no other beats in both. Orange: the real net.",
        wide=True,
    )


def _height(accuracy: float, samples: int) -> float:
    """Higher is better, and near 1 there is room: minus the logarithm of the error."""
    return -math.log10(max(1 - accuracy, 0.5 / max(samples, 1)))


def _corners(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of the front drawn as steps: what the budget of each place buys."""
    found = places[:1]
    for (_, before), (cost, height) in itertools.pairwise(places):
        found += [(cost, before), (cost, height)]
    return found


def _scale(axes: Any, points: Sequence[Point], heights: Sequence[float], samples: int) -> None:
    from matplotlib.ticker import FuncFormatter

    low, high = min(heights), max(heights)
    margin = 0.08 * (high - low) + 0.03
    axes.set_ylim(low - margin, high + margin)
    marks = [a for a in _ACCURACIES if low - margin <= _height(a, samples) <= high + margin]
    axes.set_yticks([_height(a, samples) for a in marks], [f"{100 * a:g}" for a in marks])
    least, most = min(p.cost for p in points), max(p.cost for p in points)
    room = max((most / least) ** 0.08, 1.15)
    axes.set_xlim(least / room, most * room)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    # few powers of ten in sight, or hardly one
    digits = (2, 5) if 4 <= most / least < 20 else tuple(range(2, 10)) if most / least < 4 else ()
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}" if _digit(value) in digits else ""))


def _digit(value: float) -> int:
    """The first of a number."""
    return round(value / 10 ** math.floor(math.log10(value)))
