"""Which members of an ensemble were selected, and how good the average was after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.report.blocks import Figure, Table
from leveret.report.figures import COLORS, axes_of, drawing, svg_of
from leveret.report.words import duration, share

__all__ = ["members_table", "selection_curve"]


def selection_curve(subset: Mapping[str, Any]) -> Figure:
    """The accuracy of the average after each step of forward selection, on the validation part.

    Args:
        subset: `curve` (rows with `size` and `accuracy`), `accuracy`, `full_accuracy`, `best_accuracy`, `bags`.
    """
    sizes = [row["size"] for row in subset["curve"]]
    values = [100 * row["accuracy"] for row in subset["curve"]]
    # dashes too, so that the lines are told apart without colour
    lines = (
        ("selected, bagged" if subset["bags"] else "selected", subset["accuracy"], "accent", "-"),
        ("all alike", subset["full_accuracy"], "b", "--"),
        ("best member", subset["best_accuracy"], "c", ":"),
    )
    with drawing():
        from matplotlib.ticker import MaxNLocator

        figure, axes = axes_of()
        axes.plot(sizes, values, color=COLORS["a"], linewidth=2, marker="o", markersize=4, label="one by one")
        for name, value, colour, dashes in lines:
            axes.axhline(100 * value, color=COLORS[colour], linewidth=1.5, linestyle=dashes, label=name)
        axes.set_xlabel("members taken, repeats counted")
        axes.set_title("accuracy on the validation part, %", loc="left", fontsize=10.5, color=COLORS["faint"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.grid(visible=False, axis="x")
        axes.legend(frameon=False, loc="best", labelcolor="linecolor")
        svg = svg_of(figure, "selection")
    ends = ", ".join(f"{name}: {share(value)}" for name, value, _, _ in lines)
    return Figure(
        svg,
        f"Line plot of validation accuracy after each step of forward selection, from {values[0]:.2f} % to "
        f"{max(values):.2f} % at best. {ends}.",
        "Forward selection with replacement, beside all teachers alike and the best one.",
    )


def members_table(teachers: Sequence[Mapping[str, Any]], weights: Sequence[float]) -> Table:
    """A row a teacher: its share in the subset, how good it is, and its hyper-parameters."""
    rows = tuple(
        (
            teacher["key"],
            share(weight) if weight else "–",
            share(teacher["val_accuracy"]),
            share(teacher["test_accuracy"]),
            f"{teacher['parameters']:,}",
            duration(teacher["training_seconds"]),
            ", ".join(f"{key.replace('_', ' ')} {_number(value)}" for key, value in teacher["params"].items()),
        )
        for teacher, weight in zip(teachers, weights, strict=True)
    )
    columns = ("teacher", "share", "validation", "test", "weights", "time", "hyper-parameters")
    return Table("Teachers, and their shares in the subset", columns, rows, text=(6,), cards=True, wide=True)


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
