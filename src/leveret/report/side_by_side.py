"""Pictures of several nets on skewed classes: precision and recall, true and false positives, recall by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leveret.metrics import Evaluation
from leveret.report.blocks import Figure
from leveret.report.figures import COLORS, axes_of, drawing, svg_of
from leveret.report.words import share

__all__ = ["operating_curves", "recall_bars"]

_LINES = (("accent", "-"), ("b", "-"), ("a", "--"), ("c", ":"), ("faint", "-."))


def operating_curves(evaluations: Mapping[str, Evaluation], train_counts: Sequence[int]) -> list[Figure]:
    """Precision against recall, and true against false positives, of the rarer of two classes; a line a net.

    Args:
        evaluations: up to five, by name.
        train_counts: training samples of each class.
    """
    from leveret.training.metrics import precision_recall_curve, roc_curve

    rare = int(train_counts[1] <= train_counts[0])
    labels = next(iter(evaluations.values())).labels
    chance = float((labels == rare).mean())
    figures = []
    for name, curve_of in (("pr", precision_recall_curve), ("roc", roc_curve)):
        curves: dict[str, Any] = {key: curve_of(e, positive=rare) for key, e in evaluations.items()}
        axis = ("recall", "precision") if name == "pr" else ("false_positive_rate", "true_positive_rate")
        with drawing():
            figure, axes = axes_of()
            for (colour, style), (key, curve) in zip(_LINES, curves.items(), strict=False):
                title = f"{key}  {curve.area:.3f}"
                axes.plot(
                    getattr(curve, axis[0]),
                    getattr(curve, axis[1]),
                    style,
                    color=COLORS[colour],
                    linewidth=2,
                    label=title,
                )
            base = [chance, chance] if name == "pr" else [0, 1]
            axes.plot([0, 1], base, color=COLORS["faint"], linewidth=1, linestyle=(0, (2, 3)))
            axes.set_xlim(-0.01, 1.01)
            axes.set_ylim(-0.01, 1.02)
            axes.set_xlabel("recall" if name == "pr" else "false positives, share of the others")
            axes.set_ylabel("precision" if name == "pr" else "true positives, share of the rare")
            axes.legend(frameon=False, loc="lower left" if name == "pr" else "lower right")
            svg = svg_of(figure, f"{name}-curves")
        areas = "; ".join(f"{key}: {curve.area:.3f}" for key, curve in curves.items())
        what = "Precision against recall" if name == "pr" else "True against false positives"
        dotted = f"dotted: chance, {share(chance)}" if name == "pr" else "dotted: chance"
        caption = f"{what} of the rare class, with the area under it; {dotted}."
        figures.append(Figure(svg, f"Line plot. {what}, areas: {areas}.", caption))
    return figures


def recall_bars(evaluations: Mapping[str, Evaluation], train_counts: Sequence[int]) -> Figure:
    """Recall of each class, the most frequent first, beside its training samples; of one or two nets."""
    from leveret.training.metrics import recall_per_class

    counts = np.asarray(train_counts)
    order = np.argsort(-counts, kind="stable")
    classes = next(iter(evaluations.values())).classes
    recalls = {key: recall_per_class(e)[order] for key, e in evaluations.items()}
    with drawing():
        figure, axes = axes_of(max(2.6, 0.34 * len(counts) * max(1, 0.75 * len(recalls)) + 0.9))
        height = 0.8 / len(recalls)
        places = np.arange(len(counts))
        for i, ((colour, _), (key, values)) in enumerate(zip((_LINES[1], _LINES[0]), recalls.items(), strict=False)):
            shift = (i - (len(recalls) - 1) / 2) * height
            colour = "accent" if len(recalls) == 1 else colour
            axes.barh(places + shift, 100 * values, height * 0.92, color=COLORS[colour], label=key)
        axes.set_yticks(places, [f"{_short(classes[c])}  {counts[c]:,}" for c in order])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("recall, %; beside each class its training samples")
        axes.grid(visible=False, axis="y")
        if len(recalls) > 1:
            axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.12), ncols=2)
        svg = svg_of(figure, "recall-bars")
    words = "; ".join(
        f"{classes[c]} ({counts[c]:,}): " + ", ".join(f"{key} {_percent(v[i])}".strip() for key, v in recalls.items())
        for i, c in enumerate(order)
    )
    return Figure(svg, f"Bars of recall by class. {words}.", "Of each class's test samples the share that is found.")


def _short(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else share(float(value))
