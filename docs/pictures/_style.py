"""How the documentation's pictures are drawn: as those of the reports, in their light colours, on white.

Each script beside this file makes the one picture of its name: `python docs/pictures/balance.py` writes
`docs/pictures/balance.svg`. `make docs-pictures` runs them all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leveret.report.figures import COLORS, drawing, grid_of, svg_of

__all__ = ["COLORS", "FOLDER", "picture", "plain", "show_image"]

FOLDER = Path(__file__).parent
# the page's variables as colours: a picture that stands in a file of its own knows no page
_LIGHT = {
    "ink": "#1f2421",
    "faint": "#5d655f",
    "grid": "#e3e1d9",
    "a": "#2c6e9b",
    "b": "#c0692b",
    "c": "#6f5aa8",
    "accent": "#2f6f4f",
}
_WIDTH = 8.2  # inches
_PIXELS_AN_INCH = 96


@contextmanager
def picture(name: str, rows: int, columns: int, height: float, **layout: Any) -> Iterator[Any]:
    """A figure's axes, `axes[row][column]`; afterwards it stands in `name.svg`. Random numbers begin anew."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with drawing():
        figure, axes = grid_of(rows, columns, height, _WIDTH, **layout)
        yield axes
        text = svg_of(figure, name)
    for variable, colour in _LIGHT.items():
        text = text.replace(f"var(--{variable})", colour)
    size = f'width="{_WIDTH * _PIXELS_AN_INCH:.0f}" height="{height * _PIXELS_AN_INCH:.0f}"'
    text = text.replace("<svg ", f'<svg {size} font-family="system-ui, sans-serif" ', 1)
    head, _, body = text.partition(">")
    text = f'{head}><rect width="100%" height="100%" fill="#fff"/>{body}\n'
    (FOLDER / f"{name}.svg").write_text(text, encoding="utf-8")
    print(f"{name}.svg  {len(text) / 1000:.0f} kB", file=sys.stderr)


def plain(axes: Any) -> None:
    """No ticks, no grid, no frame: for images and drawings."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def show_image(axes: Any, pixels: Any, title: str = "", **options: Any) -> None:
    """An image `(height, width)` or `(channels, height, width)`, its pixels as squares."""
    shown = np.asarray(pixels)
    if shown.ndim == 3:
        shown = shown[0] if len(shown) == 1 else shown.transpose(1, 2, 0)
    axes.imshow(shown, **{"cmap": "gray", "interpolation": "nearest", **options})
    plain(axes)
    axes.set_title(title, fontsize=9.5)
