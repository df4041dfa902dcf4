"""Plots as SVG elements that take the page's colours and font, in light and in dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["COLORS", "WIDTH", "axes_of", "drawing", "grid_of", "svg_of"]

# what matplotlib draws with -> the page's variable; colours that no plot would pick by chance
COLORS = {
    "ink": "#010203",
    "faint": "#010204",
    "grid": "#010205",
    "a": "#010206",
    "b": "#010207",
    "c": "#010208",
    "accent": "#010209",
}
WIDTH = 5.4  # inches: about the size at which a column of the page shows it, so that text keeps its size


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's settings for the page; without a display, without touching the caller's own settings."""
    import matplotlib

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "leveret",
        "font.size": 10.5,
        "axes.edgecolor": COLORS["grid"],
        "axes.labelcolor": COLORS["faint"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": COLORS["grid"],
        "grid.linewidth": 0.7,
        # names of classes are words, whatever dollars they hold
        "text.parse_math": False,
        "text.color": COLORS["ink"],
        "xtick.color": COLORS["faint"],
        "ytick.color": COLORS["faint"],
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # only the layout lacks the glyph; the page's reader has fonts of their own
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def axes_of(height: float = 3.4, width: float = WIDTH) -> tuple[Any, Any]:
    """A new figure that no window will show, and its axes."""
    figure, axes = grid_of(1, 1, height, width)
    return figure, axes[0][0]


def grid_of(rows: int, columns: int, height: float, width: float = WIDTH, **layout: Any) -> tuple[Any, Any]:
    """The same with many axes, `axes[row][column]`.

    Args:
        rows, columns: of axes.
        height, width: of all together, in inches.
        layout: for matplotlib's `Figure.subplots`.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **layout)


def svg_of(figure: Any, name: str) -> str:
    """The figure as an `<svg>` element; `name` keeps its ids apart from those of the page's other plots."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"(font-family|font): [^;\"]*sans-serif[^;\"]*;?", "", text)
    # shown at the width of its place; the view box keeps the proportions
    text = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    for variable, colour in COLORS.items():
        text = text.replace(colour, f"var(--{variable})")
    return text
