"""Figures of the results' pages: panels side by side in one style, saved whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import replacing

__all__ = ["panels", "save"]


def panels(number: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure of so many inches, and an array of its panels, from left to right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, number, squeeze=False)[0]
    for panel in axes:
        panel.grid(visible=True, linewidth=0.5, alpha=0.5)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """As PNG, without a word on the program."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})
