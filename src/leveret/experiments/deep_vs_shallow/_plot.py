"""The page's picture of a dataset, drawn from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.experiments._figure import panels, save
from leveret.experiments.deep_vs_shallow._findings import cell

__all__ = ["picture_of", "plots"]

_COLOURS = ("#c65d21", "#1f6fb4", "#2d8659", "#8a4fb0")


def picture_of(part: str) -> str:
    """The name of a dataset's picture."""
    return f"deep-vs-shallow-{part}.png"


def plots(values: Mapping[str, Any], out: Path) -> None:
    """Draw those datasets whose rows are there: students by convolutions, and lateral links."""
    for part in {row["dataset"] for row in values.get("rows", [])}:
        rows = [row for row in values["rows"] if row["dataset"] == part]
        _draw(out / picture_of(part), rows, values["parts"][part]["teachers"], values["parts"][part]["title"])


def _draw(path: Path, rows: list[Mapping[str, Any]], teachers: Mapping[str, Any], title: str) -> None:
    figure, (left, right) = panels(2, 10.4, 4.0)
    _students(left, rows, teachers, title)
    _links(right, rows)
    save(figure, path)


def _students(axes: Any, rows: list[Mapping[str, Any]], teachers: Mapping[str, Any], title: str) -> None:
    layers = sorted({row["conv_layers"] for row in rows})
    for colour, params in zip(_COLOURS, sorted({row["params"] for row in rows}), strict=False):
        for distilled in (True, False):
            found = [row for conv in layers if (row := cell(rows, conv, params, 0, distilled)) is not None]
            axes.errorbar(
                [row["conv_layers"] for row in found],
                [100 * row["accuracy"] for row in found],
                [100 * row["spread"] for row in found],
                color=colour,
                linestyle="-" if distilled else "--",
                marker="o" if distilled else "s",
                markersize=4,
                linewidth=1.3,
                capsize=2,
                label=f"{params:,} weights, {'distilled' if distilled else 'hard labels'}",
            )
    axes.axhline(100 * teachers["subset"], color="black", linewidth=0.9, linestyle=":", label="best subset of teachers")
    axes.set_xticks(layers)
    axes.set_xlabel("convolutional layers")
    axes.set_ylabel("test accuracy, %")
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")


def _links(axes: Any, rows: list[Mapping[str, Any]]) -> None:
    """Gain over no links, at equal parameters."""
    steps = sorted({row["lateral_steps"] for row in rows} - {0})
    sizes = sorted({row["params"] for row in rows})
    layers = sorted({row["conv_layers"] for row in rows})
    width = 0.8 / max(len(steps), 1)
    places = [(conv, params) for params in sizes for conv in layers]
    for colour, (i, t) in zip(_COLOURS, enumerate(steps), strict=False):
        gains, spreads, at = [], [], []
        for place, (conv, params) in enumerate(places):
            linked, plain = (cell(rows, conv, params, step, True) for step in (t, 0))
            if linked is not None and plain is not None:
                gains.append(100 * (linked["accuracy"] - plain["accuracy"]))
                spreads.append(100 * (linked["spread"] ** 2 + plain["spread"] ** 2) ** 0.5)
                at.append(place + (i - (len(steps) - 1) / 2) * width)
        axes.bar(
            at, gains, width * 0.9, yerr=spreads, color=colour, label=f"t = {t}", error_kw={"lw": 0.8, "alpha": 0.6}
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(places)), [f"{conv}" for conv, _ in places])
    for i, params in enumerate(sizes):
        axes.text(
            i * len(layers) + (len(layers) - 1) / 2, 1.0, f"{params:,} weights", ha="center", va="bottom",
            transform=axes.get_xaxis_transform(), fontsize=9,
        )  # fmt: skip
    axes.set_xlabel("convolutional layers")
    axes.set_ylabel("gain by lateral links, points")
    if steps:
        axes.legend(frameon=False, fontsize=8.5)
