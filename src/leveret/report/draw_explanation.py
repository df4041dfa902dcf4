"""An explanation as a picture: the image, where the model looked, its patches one by one, and what it then said."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leveret._deprecated import moved
from leveret._files import replacing
from leveret.report.explanation import Explanation
from leveret.report.words import count, short

__all__ = ["draw_boxes", "draw_heat", "draw_image", "heat_colors", "write_explanation"]

if not TYPE_CHECKING:
    __getattr__ = moved(__name__, {"heat_colours": f"{__name__}:heat_colors"}, since="0.1", until="0.3")

_INK, _FAINT, _LINE, _PAPER = "#1f2421", "#5d655f", "#dedbd1", "#fbfaf7"
_BEFORE, _AFTER = "#b9c6cf", "#2c6e9b"
_SEQUENCE = ("#1b4d8f", "#c0392b")  # of patches, the first to the last
_WIDTH, _DPI = 13.2, 130
_A_ROW = 8  # crops in a row
_MOST_CROPS = 16
_MOST_CLASSES = 6
_SMOOTH_FROM = 96  # pixels a side: below, pixels are drawn as squares


def write_explanation(explanation: Explanation, path: Path) -> None:
    """Draw it, and write the PNG: whole, or not at all.

    Raises:
        LeveretError: the file can't be written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = {"font.size": 11, "text.color": _INK, "text.parse_math": False, "axes.edgecolor": _LINE}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        crops = min(len(explanation.boxes), _MOST_CROPS)
        rows = math.ceil(crops / _A_ROW)
        # as high as the image is at a third of the width, within reason
        _, height, width = explanation.pixels.shape
        top = min(max(4.1 * height / width, 3.0), 5.6)
        below = 1.95 * rows
        figure = Figure(figsize=(_WIDTH, 1.35 + top + 0.4 + below), facecolor=_PAPER)
        FigureCanvasAgg(figure)
        _draw(figure, explanation, top, rows)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=_DPI, facecolor=_PAPER)


def draw_image(axes: Any, pixels: NDArray[np.uint8]) -> None:
    """The image, in its proportions, without ticks; small ones in whole squares."""
    shown = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    small = max(pixels.shape[1:]) < _SMOOTH_FROM
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if small else "antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_heat(axes: Any, explanation: Explanation) -> None:
    """The image in dim greys, and the map over it: the stronger, the less of the image shines through."""
    top, left, bottom, right = explanation.extent
    _, height, width = explanation.pixels.shape
    draw_image(axes, (0.7 * explanation.pixels.mean(0, keepdims=True)).astype(np.uint8))
    axes.imshow(
        heat_colors(explanation.heat),
        extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5),
        interpolation="bilinear" if min(explanation.heat.shape) > 8 else "nearest",
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)


def heat_colors(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours with transparency `(rows, columns, 4)` in 0..1: nothing where the map is 0 or less."""
    import matplotlib

    peak = float(heat.max(initial=0.0))
    # the square root shows what is weak, too
    strength = np.sqrt((heat / peak).clip(0, 1)) if peak > 0 else np.zeros_like(heat)
    colours = matplotlib.colormaps["plasma"](0.25 + 0.75 * strength)
    colours[..., 3] = 0.75 * strength
    return np.asarray(colours)


def draw_boxes(axes: Any, explanation: Explanation, most: int = _MOST_CROPS, size: float = 8.5) -> None:
    """The patches as boxes, with their numbers where these don't cover each other.

    Args:
        axes: matplotlib's, in which the image is drawn.
        explanation: whose patches.
        most: so many have a number.
        size: of the numbers, in points.
    """
    import matplotlib.patheffects as effects
    from matplotlib.patches import Rectangle

    boxes = explanation.boxes.astype(float)
    _, height, width = explanation.pixels.shape
    colours = _colours(len(boxes))
    for number in reversed(range(len(boxes))):
        top, left, bottom, right = boxes[number]
        outline = Rectangle(
            (left - 0.5, top - 0.5),
            right - left,
            bottom - top,
            fill=False,
            edgecolor="white",
            linewidth=1.1 if number < most else 0.5,
            alpha=0.95 if number < most else 0.5,
            path_effects=[effects.withStroke(linewidth=2.4, foreground="#00000090")],
        )
        axes.add_patch(outline)
    shown = boxes[:most]
    middles = np.stack([shown[:, [1, 3]].mean(1) - 0.5, shown[:, [0, 2]].mean(1) - 0.5], 1)
    inches = axes.get_position().width * axes.figure.get_size_inches()[0]
    apart = 1.75 * size / 72 * width / max(inches, 0.1)
    places = _spread(middles, apart, width, height)
    for number, (middle, place) in enumerate(zip(middles, places, strict=True)):
        if np.hypot(*(middle - place)) > 0.4 * apart:
            axes.plot(*zip(middle, place, strict=True), color="white", linewidth=0.8, solid_capstyle="round")
        _tag(axes, place, number, colours[number], size)


def _tag(axes: Any, place: Any, number: int, colour: Any, size: float) -> None:
    axes.text(
        *place,
        str(number + 1),
        color="white",
        fontsize=size if number < 9 else 0.78 * size,
        fontweight="bold",
        ha="center",
        va="center_baseline",
        bbox={
            "boxstyle": f"circle,pad={0.22 if number < 9 else 0.16}",
            "facecolor": colour,
            "edgecolor": "white",
            "linewidth": 0.8,
        },
        zorder=5,
    )


def _colours(number: int) -> list[Any]:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("order", _SEQUENCE)
    return [colours(i / max(number - 1, 1)) for i in range(number)]


def _spread(middles: NDArray[np.float64], apart: float, width: int, height: int) -> NDArray[np.float64]:
    """Places near the middles that are at least about `apart` from each other, inside the image."""
    places = middles + 1e-3 * apart * np.random.default_rng(0).standard_normal(middles.shape)
    edge = min(apart / 2, width / 2, height / 2)
    for _ in range(200):
        gaps = places[:, None] - places[None]
        distance = np.hypot(gaps[..., 0], gaps[..., 1]) + np.eye(len(places)) * 1e9
        push = (apart - distance).clip(0, None) / 2
        if not push.any():
            break
        places = places + (gaps / distance[..., None] * push[..., None]).sum(1)
        places = places.clip(edge - 0.5, [width - edge - 0.5, height - edge - 0.5])
    return places


def _draw(figure: Any, explanation: Explanation, top: float, rows: int) -> None:
    high = figure.get_size_inches()[1]
    margin, gap = 0.45, 0.45
    side = (_WIDTH - 2 * margin - 2 * gap) / 3

    def box(x: float, y: float, width: float, height: float) -> list[float]:
        return [x / _WIDTH, 1 - (y + height) / high, width / _WIDTH, height / high]

    begin = 1.35
    figure.text(margin / _WIDTH, 1 - 0.42 / high, _headline(explanation), fontsize=19, fontweight="bold", va="center")
    figure.text(margin / _WIDTH, 1 - 0.78 / high, _subline(explanation), fontsize=11, color=_FAINT, va="center")
    image = figure.add_axes(box(margin, begin, side, top))
    draw_image(image, explanation.pixels)
    image.set_title(_caption(explanation), fontsize=11, loc="left", color=_FAINT)
    looked = figure.add_axes(box(margin + side + gap, begin, side, top))
    draw_heat(looked, explanation)
    looked.apply_aspect()
    draw_boxes(looked, explanation)
    dynamic = explanation.before is not None
    title = "Saliency, and the patches in order" if dynamic else "What counts: hiding it costs most"
    looked.set_title(title, fontsize=11, loc="left", color=_FAINT)
    x = margin + 2 * (side + gap)
    bars = top if not dynamic else top - 1.05
    _draw_shares(figure.add_axes(box(x + 0.95, begin, side - 0.95, bars)), explanation)
    if dynamic:
        _draw_entropies(figure.add_axes(box(x + 0.95, begin + bars + 0.5, side - 0.95, 0.5)), explanation)
    _draw_crops(figure, explanation, box, begin + top + 0.4, rows, margin)


def _draw_crops(figure: Any, explanation: Explanation, box: Any, begin: float, rows: int, margin: float) -> None:
    crops = min(len(explanation.boxes), _MOST_CROPS)
    colours = _colours(len(explanation.boxes))
    space = (_WIDTH - 2 * margin) / _A_ROW
    for number in range(crops):
        row, column = divmod(number, _A_ROW)
        axes = figure.add_axes(box(margin + column * space, begin + 0.1 + 1.95 * row, space - 0.15, 1.42))
        draw_image(axes, explanation.crop(number))
        axes.set_anchor("NW")
        for spine in axes.spines.values():
            spine.set_visible(True)  # a white crop ends somewhere, too
        top, left, bottom, right = explanation.boxes[number].tolist()
        axes.set_title(
            f" {number + 1} ",
            fontsize=9,
            fontweight="bold",
            color="white",
            loc="left",
            pad=5,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": colours[number], "edgecolor": "none"},
        )
        axes.set_xlabel(f"{bottom - top}x{right - left} at {left}, {top}", fontsize=8, color=_FAINT, loc="left")
    left_out = len(explanation.boxes) - crops
    if left_out:
        high = figure.get_size_inches()[1]
        more = f"and {count(left_out, 'patch', 'patches')} more"
        figure.text(1 - margin / _WIDTH, 0.12 / high, more, fontsize=9, color=_FAINT, ha="right")


def _draw_shares(axes: Any, explanation: Explanation) -> None:
    after, before = explanation.after, explanation.before
    most = after if before is None else np.maximum(after, before)
    chosen = np.argsort(-most, kind="stable")[:_MOST_CLASSES]
    chosen = chosen[np.argsort(-after[chosen], kind="stable")]
    places = np.arange(len(chosen))
    if before is None:
        series = [(after, _AFTER, 0.0, 0.55, "")]
    else:
        series = [(before, _BEFORE, -0.2, 0.36, "before"), (after, _AFTER, 0.2, 0.36, "after")]
    for shares, colour, offset, thick, label in series:
        axes.barh(places + offset, shares[chosen], thick, color=colour, label=label)
        for place, share in zip(places, shares[chosen], strict=True):
            axes.text(share + 0.012, place + offset, _percent(share), fontsize=9, va="center", color=_FAINT)
    axes.set_yticks(places, [short(explanation.classes[i], 14) for i in chosen], fontsize=11)
    # room for six classes, so that two don't become blocks
    axes.set_ylim(max(len(chosen), 4) - 0.5, -0.5)
    axes.set_xlim(0, 1.16)
    _bare(axes)
    axes.set_title("Class probabilities", fontsize=11, loc="left", color=_FAINT, x=-0.28)
    if before is not None:
        where = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2}
        axes.legend(frameon=False, fontsize=9, ncols=2, handlelength=1, columnspacing=1.2, labelcolor=_FAINT, **where)


def _draw_entropies(axes: Any, explanation: Explanation) -> None:
    most = math.log(max(len(explanation.classes), 2))
    for place, (value, colour) in enumerate(zip(explanation.entropies, (_BEFORE, _AFTER), strict=True)):
        axes.barh(place, value, 0.7, color=colour)
        axes.text(value + 0.012 * most, place, f"{value:.2f}", fontsize=9, va="center", color=_FAINT)
    axes.set_yticks([0, 1], ["before", "after"], fontsize=10)
    axes.set_ylim(1.5, -0.5)
    axes.set_xlim(0, 1.16 * most)
    _bare(axes)
    axes.axvline(most, color=_LINE, linewidth=1)
    title = f"Entropy, in nats; {most:.2f} is to know nothing"
    axes.set_title(title, fontsize=11, loc="left", color=_FAINT, x=-0.28)


def _bare(axes: Any) -> None:
    axes.set_facecolor("none")
    axes.set_xticks([])
    axes.tick_params(length=0)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "left")


def _headline(explanation: Explanation) -> str:
    said = f"{short(explanation.said, 40)}, {_percent(float(explanation.after.max()))} sure"
    if explanation.before is None:
        return said
    before = _percent(float(explanation.before.max()))
    if explanation.said_before == explanation.said:
        return f"{said}; {before} before the closer look"
    return f"{said}; at first {short(explanation.said_before, 30)}, {before}"


def _subline(explanation: Explanation) -> str:
    patches = count(len(explanation.boxes), "patch", "patches")
    if explanation.before is None:
        told = "Parts of the image were hidden one by one; the map shows by how much the class then lost."
    else:
        told = f"Looked closely at {patches}."
        if not len(explanation.boxes):
            told = "No closer look: the coarse prediction stands."
    true = "" if explanation.true is None else f"It is {explanation.true}. "
    return f"{true}{told}" + (f" {explanation.note}." if explanation.note else "")


def _caption(explanation: Explanation) -> str:
    _, height, width = explanation.pixels.shape
    return ", ".join(filter(None, (short(explanation.title, 34), f"{width}x{height}")))


def _percent(share: float) -> str:
    text = f"{100 * share:.0f}"
    if text == "100" and share < 1:
        text = f"{min(100 * share, 99.9):.1f}"
    return f"{text} %"
