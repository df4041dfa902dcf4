"""The closer look in a report: what it gains, what it costs, and a few images with their patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.report.blocks import Block, Figure, Paragraph, Table, Tile
from leveret.report.draw_explanation import draw_boxes, draw_heat, draw_image
from leveret.report.explanation import Explanation
from leveret.report.figures import COLORS, axes_of, drawing, grid_of, svg_of
from leveret.report.words import count, operations, points, share, short, times

__all__ = ["capacity_blocks", "capacity_table", "capacity_tile"]

_CROPS = 4


def capacity_tile(figures: Mapping[str, Any]) -> Tile:
    """How many operations are spared, against fine layers everywhere, and what that costs in accuracy."""
    cost, accuracy = figures["operations"], figures["accuracy"]
    ratio = cost["fine_net"] / cost["refined"]
    change = points(accuracy["refined"] - accuracy["fine"])
    label = "fewer operations" if ratio >= 1 else "of the operations"
    detail = f"than fine layers everywhere, at {change} of accuracy"
    return Tile(times(ratio if ratio >= 1 else 1 / ratio), label, detail, "good" if ratio >= 1 else "bad")


def capacity_blocks(figures: Mapping[str, Any], looks: Sequence[Explanation]) -> list[Block]:
    """A table of coarse, refined and fine; the curve over the number of patches; the costs; images.

    Args:
        figures: the `capacity` of `metrics.json`.
        looks: a few test images.
    """
    blocks: list[Block] = [capacity_table(figures), _curve(figures), Paragraph(_words(figures))]
    if looks:
        blocks.append(_images(looks))
    return blocks


def capacity_table(figures: Mapping[str, Any]) -> Table:
    """Accuracy and operations of coarse layers alone, with the closer look, and of fine layers everywhere."""
    cost, accuracy = figures["operations"], figures["accuracy"]
    whole = cost["fine_net"]
    kinds = (
        ("coarse layers alone", cost["coarse"] + cost["top"], "coarse"),
        (f"with a closer look at {_patches(figures['patches'])}", cost["refined"], "refined"),
        ("fine layers everywhere", whole, "fine"),
    )
    rows = tuple(
        (title, share(accuracy[key]), operations(number), f"{100 * number / whole:.1f} %")
        for title, number, key in kinds
    )
    return Table("What a closer look gains and costs", ("", "accuracy", "operations", "of fine"), rows, strong=1)


def _words(figures: Mapping[str, Any]) -> str:
    cost = figures["operations"]
    rows, columns = figures["grid"]
    height, width = figures["field"]
    places = count(figures["places"], "place", "places")
    samples = count(figures["samples"], "test image", "test images")
    return (
        f"Operations are multiply-accumulates for one image: {operations(cost['coarse'])} by the coarse layers, "
        f"{operations(cost['patch'])} for a patch of {height}x{width} pixels by the fine ones, "
        f"{operations(cost['whole'])} for a whole image, and {operations(cost['top'])} by the top layers, which a "
        "closer look runs twice, with a pass back for the saliency. "
        f"A grid of {rows}x{columns} has {places} to choose patches from. The same top layers judge all three, on "
        f"{samples}. They were trained on coarse features with fine ones among them, so fine layers everywhere could "
        "do better in a net of their own."
    )


def _curve(figures: Mapping[str, Any]) -> Figure:
    curve = figures["curve"]
    numbers, accuracies = [p["patches"] for p in curve], [100 * p["accuracy"] for p in curve]
    with drawing():
        figure, axes = axes_of()
        # none and one stand as far apart as one and two
        places = list(range(len(numbers)))
        axes.plot(places, accuracies, color=COLORS["a"], linewidth=2, marker="o")
        axes.axhline(100 * figures["accuracy"]["fine"], color=COLORS["faint"], linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            "fine everywhere",
            (0.99, 100 * figures["accuracy"]["fine"]),
            xycoords=("axes fraction", "data"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="right",
            color=COLORS["faint"],
            fontsize=9,
        )
        axes.set_xticks(places, [str(n) for n in numbers])
        if figures["patches"] in numbers:
            usual = numbers.index(figures["patches"])
            axes.plot([usual], [accuracies[usual]], color=COLORS["b"], marker="o", markersize=9, linestyle="none")
        axes.set_xlabel("patches")
        axes.set_title("accuracy on test images, %", loc="left", fontsize=10.5, color=COLORS["faint"])
        axes.grid(visible=False, axis="x")
        svg = svg_of(figure, "capacity-curve")
    words = "; ".join(f"{n}: {a:.1f} %" for n, a in zip(numbers, accuracies, strict=True))
    caption = (
        "Accuracy by the number of patches that get a fine look; the large point is the number it was trained with."
    )
    return Figure(svg, f"Line plot of accuracy by number of patches. {words}.", caption)


def _images(looks: Sequence[Explanation]) -> Figure:
    crops = min(_CROPS, max(len(look.boxes) for look in looks))
    with drawing():
        ratio = looks[0].pixels.shape[1] / looks[0].pixels.shape[2]
        row = min(max(1.75 * ratio, 1.0), 3.0) + 0.45
        widths = [1.6, 1.6] + [0.75] * crops
        figure, axes = grid_of(len(looks), 2 + crops, row * len(looks), 2.15 * sum(widths) / 1.6, width_ratios=widths)
        for line, look in zip(axes, looks, strict=True):
            draw_image(line[0], look.pixels)
            line[0].set_title(_said(look), loc="left", fontsize=10, color=COLORS["faint"])
        # the layout says how large the images are, which the numbers on them depend on
        figure.draw_without_rendering()
        for line, look in zip(axes, looks, strict=True):
            draw_heat(line[1], look)
            draw_boxes(line[1], look, size=6)
            before, after = look.entropies
            line[1].set_title(f"entropy {before:.2f} → {after:.2f}", loc="left", fontsize=10, color=COLORS["faint"])
            for number, place in enumerate(line[2:]):
                if number >= len(look.boxes):
                    place.set_axis_off()
                    continue
                draw_image(place, look.crop(number))
                place.set_title(str(number + 1), loc="left", fontsize=10, color=COLORS["faint"])
        svg = svg_of(figure, "capacity-images")
    words = "; ".join(f"is {look.true}, {_said(look)}" for look in looks)
    caption = (
        "Test images: what was said before and after the closer look; the saliency with the patches in order; the "
        "first patches. Images that the closer look put right come first."
    )
    return Figure(svg, f"Images with saliency and chosen patches. {words}.", caption, wide=True)


def _said(look: Explanation) -> str:
    return f"said {short(look.said_before, 12)}, then {short(look.said, 12)}; is {short(look.true or '?', 12)}"


def _patches(number: float) -> str:
    return count(int(number), "patch", "patches") if float(number).is_integer() else f"{number:.1f} patches on average"
