"""Learning curves: accuracy and loss over the epochs of one or several stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from leveret.report.blocks import Figure
from leveret.report.figures import COLORS, axes_of, drawing, svg_of
from leveret.report.words import share

__all__ = ["learning_curves"]

Rows = Sequence[Mapping[str, Any]]
_LINES = ("a", "b", "c")


def learning_curves(runs: Mapping[str, Rows], by: Literal["epoch", "samples"] = "epoch") -> list[Figure]:
    """Two figures: accuracy, and training loss.

    Args:
        runs: a name and the rows of `FitResult.history` each, in the order of training. A run's stages follow each
            other along the axis, with a mark where the next one begins.
        by: what the axis counts; "samples" for runs whose epochs are of different lengths.
    """
    runs = {name: rows for name, rows in runs.items() if rows}
    if not runs:
        return []
    held_out = all("val_accuracy" in row for rows in runs.values() for row in rows)
    which = "val_accuracy" if held_out else "train_accuracy"
    part = "validation" if held_out else "training"
    what = "accuracy"
    if held_out and _balanced_tells(runs):
        which, what = "val_balanced_accuracy", "balanced accuracy"
    if all("val_miou" in row for rows in runs.values() for row in rows):
        which, what = "val_miou", "mean IoU"
    if all("val_f1" in row for rows in runs.values() for row in rows):
        which, what = "val_f1", "F1 of entities"
    figures = []
    if all(which in row for rows in runs.values() for row in rows):
        words = "; ".join(_in_words(name, rows, which) for name, rows in runs.items())
        svg = _draw(runs, which, "accuracy-curves", scale=100, unit=f"{what} on the {part} part, %", by=by)
        caption = f"{what[0].upper()}{what[1:]} on the {part} part."
        figures.append(Figure(svg, f"Line plot of {part} {what} by {by}. {words}.", caption))
    svg = _draw(runs, "train_loss", "loss-curves", scale=1, unit="training loss", by=by)
    ends = "; ".join(f"{n}: {r[0]['train_loss']:.3f} to {r[-1]['train_loss']:.3f}" for n, r in runs.items())
    note = " Each run has its own objective, so only the shapes compare." if len(runs) > 1 else ""
    figures.append(Figure(svg, f"Line plot of training loss by {by}. {ends}.", f"Training loss.{note}"))
    return figures


def _balanced_tells(runs: Mapping[str, Rows]) -> bool:
    """Whether all rows have balanced accuracy, and some where it differs from accuracy by more than chance."""
    rows = [row for found in runs.values() for row in found]
    if not all("val_balanced_accuracy" in row for row in rows):
        return False
    return any(abs(row["val_balanced_accuracy"] - row["val_accuracy"]) > 0.05 for row in rows)


def stage_starts(rows: Rows) -> list[int]:
    """Places in `rows` where a stage other than the first begins."""
    return [i for i in range(1, len(rows)) if rows[i].get("stage") != rows[i - 1].get("stage")]


def _draw(runs: Mapping[str, Rows], key: str, name: str, *, scale: float, unit: str, by: str) -> str:
    with drawing():
        from matplotlib.ticker import MaxNLocator

        figure, axes = axes_of()
        for colour, (title, rows) in zip(_cycle(len(runs)), runs.items(), strict=True):
            places = list(range(1, len(rows) + 1))
            if by == "samples":
                places = [row["samples_seen"] / 1000 for row in rows]
            values = [scale * row[key] for row in rows]
            few = len(rows) < 3
            axes.plot(places, values, color=COLORS[colour], linewidth=2, label=title, marker="o" if few else None)
            for start in stage_starts(rows):
                begins = start + 0.5 if by == "epoch" else places[start - 1]
                axes.axvline(begins, color=COLORS[colour], linewidth=1, linestyle=(0, (2, 3)))
                axes.annotate(
                    str(rows[start].get("stage", "")),
                    (begins, 0.02),
                    xycoords=("data", "axes fraction"),
                    xytext=(4, 0),
                    textcoords="offset points",
                    color=COLORS[colour],
                    fontsize=9,
                )
        axes.set_xlabel("epoch" if by == "epoch" else "samples seen, thousands")
        axes.set_title(unit, loc="left", fontsize=10.5, color=COLORS["faint"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.grid(visible=False, axis="x")
        if len(runs) > 1:
            axes.legend(frameon=False, loc="best", labelcolor="linecolor")
        return svg_of(figure, name)


def _cycle(number: int) -> list[str]:
    return [_LINES[i % len(_LINES)] for i in range(number)]


def _in_words(name: str, rows: Rows, key: str) -> str:
    best = max(rows, key=lambda row: row[key])
    epochs = f"{len(rows)} epoch{'s' if len(rows) > 1 else ''}"
    return f"{name}: {share(rows[0][key])} after the first epoch, {share(best[key])} at best, {epochs}"
