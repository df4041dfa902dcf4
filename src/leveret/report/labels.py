"""Names beside the points of a plot, so that none lies on another or on a point; a thin line where one is far off."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from leveret._deprecated import renamed_argument
from leveret.report.figures import COLORS

__all__ = ["place_labels"]

_SIZE = 9.0  # of the font, in points
_RINGS = (9.0, 14.0, 21.0, 30.0, 42.0, 56.0, 72.0, 90.0, 110.0, 135.0)
_ANGLES = tuple(math.radians(angle) for angle in (0, 180, 35, -35, 145, -145, 90, -90, 65, -65, 115, -115, 15, -15))
_POINT = 5.0  # half a point's side
_LINE = 1.5  # half a line's width, and some air

Box = tuple[float, float, float, float]


@renamed_argument("colours", "colors", since="0.1", until="0.3")
def place_labels(
    figure: Any,
    axes: Any,
    points: Sequence[tuple[float, float, str]],
    colors: Sequence[str],
    corners: Sequence[tuple[float, float]] = (),
) -> list[Box]:
    """Write each point's name near it; gives the boxes, `(left, bottom, right, top)` in typographic points.

    Args:
        figure, axes: with all points drawn and limits set.
        points: x and y in the axes' units, and a name; the first find room first.
        colors: of the names.
        corners: of a line, level or upright from one to the next, that no name may lie on; in the axes' units.
    """
    figure.draw_without_rendering()  # lays out, so that places are final
    figure.set_layout_engine("none")
    scale = 72 / figure.dpi
    places = [tuple(float(v) * scale for v in axes.transData.transform((x, y))) for x, y, _ in points]
    window = axes.get_window_extent()
    bounds = tuple(float(v) * scale for v in (window.x0, window.y0, window.x1, window.y1))
    taken = [(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in places]
    turns = [tuple(float(v) * scale for v in axes.transData.transform(corner)) for corner in corners]
    for (x0, y0), (x1, y1) in itertools.pairwise(turns):
        taken.append((min(x0, x1) - _LINE, min(y0, y1) - _LINE, max(x0, x1) + _LINE, max(y0, y1) + _LINE))
    boxes: list[Box] = []
    for (x, y), (_, _, name), color in zip(places, points, colors, strict=True):
        box, offset, far = _free(x, y, name, [*taken, *boxes], bounds)
        boxes.append(box)
        axes.annotate(
            name,
            ((x / scale), (y / scale)),
            xycoords="figure pixels",
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            color=color,
            zorder=4,
            arrowprops={"arrowstyle": "-", "color": COLORS["faint"], "linewidth": 0.5, "shrinkA": 1, "shrinkB": 3}
            if far
            else None,
        )
    return boxes


def _free(
    x: float, y: float, name: str, taken: Sequence[Box], bounds: Sequence[float]
) -> tuple[Box, tuple[float, float], bool]:
    """The nearest free place for a name: its box, its centre from the point, and whether it wants a line."""
    width, height = 0.56 * _SIZE * len(name) + 2, 1.25 * _SIZE
    best: Any = None
    for ring in _RINGS:
        for angle in _ANGLES:
            # the box's nearer edge lies on the ring
            dx = math.cos(angle) * (ring + width / 2)
            dy = math.sin(angle) * (ring + height / 2)
            box = (x + dx - width / 2, y + dy - height / 2, x + dx + width / 2, y + dy + height / 2)
            overlap = sum(_shared(box, other) for other in taken) + 4 * _outside(box, bounds)
            if overlap == 0:
                return box, (dx, dy), ring > _RINGS[1]
            if best is None or overlap < best[0]:
                best = overlap, box, (dx, dy)
    return best[1], best[2], True


def _shared(a: Box, b: Box) -> float:
    """The area that two boxes share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box: Box, bounds: Sequence[float]) -> float:
    """The area that lies outside of the axes."""
    outside = (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, (bounds[0], bounds[1], bounds[2], bounds[3]))
    return outside if outside > 1e-6 else 0.0
