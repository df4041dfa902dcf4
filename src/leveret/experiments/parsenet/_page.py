"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.experiments.parsenet._answers import batch_norm_answer, context_answer, gain
from leveret.experiments.parsenet._page_parts import crf, packed, reach, speed, with_spread
from leveret.experiments.parsenet._plot import MIOU_PICTURE

__all__ = ["page"]

_Row = Mapping[str, Any]
_PARTS = {"crf": crf, "reach": reach, "speed": speed, "packed": packed}

_FIGURES = {
    "fcn_miou": Figure("CamVid test, FCN without batch norm, mIoU", "", None, "{:.1%}"),
    "parsenet_miou": Figure("the same, ParseNet", "", None, "{:.1%}"),
    "gain": Figure("ParseNet over FCN less the spread, points", "at least 1", lambda v: v >= 1, "{:+.1f}"),
    "fcn_bn_miou": Figure("FCN with batch norm, mIoU", "", None, "{:.1%}"),
    "parsenet_bn_miou": Figure("ParseNet with batch norm, mIoU", "", None, "{:.1%}"),
    "gain_bn": Figure(
        "ParseNet over FCN less the spread, with batch norm, points", "at least 1", lambda v: v >= 1, "{:+.1f}"
    ),
    "best_miou": Figure("the net that the validation part likes best, mIoU", "at least 45 %", lambda v: v >= 0.45,
                        "{:.1%}"),
    "context_cost": Figure("what context and norms add to the time of an image, packed", "under 5 %",
                           lambda v: v < 0.05, "{:+.1%}"),
    "crf_ms": Figure("a dense CRF behind it, milliseconds an image", "", None, "{:.0f}"),
}  # fmt: skip


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    rows = values.get("rows", [])
    shown = dict(values)
    if rows:
        for figure, end in (("gain", ""), ("gain_bn", "-bn")):
            found = gain(rows, f"parsenet{end}", f"fcn{end}")
            shown[figure] = 100 * (found.mean - (found.spread or 0))
    text = [
        "# Looking wider, measured",
        "",
        wrapped(
            "Rendered from `parsenet.json`, which the commands below wrote. All nets have the same backbone, schedule "
            "and seeds; the last epoch's weights are tested, and where a net or a number is chosen, the validation "
            "part chooses. What is said of the figures in words is computed from them. Times are CPU time of one "
            "thread, as the machine had other work to do."
        ),
        "",
        figures_table(_FIGURES, shown),
    ]
    parts = values.get("parts", {})
    for part in (name for name in ("camvid", *_PARTS) if name in parts):
        details = parts[part]
        text += part_heading(part, details)
        text += _camvid(details, rows) if part == "camvid" else _PARTS[part](details, rows)
    return "\n".join(text) + "\n"


def _camvid(details: Mapping[str, Any], rows: Sequence[_Row]) -> list[str]:
    train, val, test = details["images"]
    seeds = details["seeds"]
    several = f"Mean ± standard deviation of {seeds} seeds." if seeds > 1 else "One seed, so without a spread."
    return [
        wrapped(
            f"{details['title']}: {train} images to train on, {val} to validate, {test} to test. {details['note']} "
            f"{details['parameters']:,} weights in the smallest net; {details['epochs']} epochs of whole images in "
            f"batches of {details['batch_size']}, mirrored and scaled; classes weigh by the root of median frequency. "
            f"{several} Milliseconds are of one image, packed."
        ),
        "",
        markdown_table(
            [
                *("net", "batch norm", "mIoU", "validation mIoU", "pixel accuracy", "mean class accuracy"),
                *("boundary F1", "ms"),
            ],
            [_line(row) for row in rows],
        ),
        "",
        f"![mIoU of each seed, and what ParseNet changes class by class]({MIOU_PICTURE})",
        "",
        wrapped("**Is context worth it?** " + context_answer(rows)),
        "",
        wrapped("**Does batch norm from the start make the norm needless?** " + batch_norm_answer(rows)),
        "",
        *_lengths(details.get("lengths", {})),
        "IoU of each class, %:",
        "",
        markdown_table(
            ["net", "batch norm", *details["classes"]],
            [
                (row["title"], "yes" if row["batch_norm"] else "no", *(f"{100 * value:.0f}" for value in row["iou"]))
                for row in rows
            ],
        ),
        *_pictures(details.get("picture")),
    ]


def _line(row: _Row) -> tuple[str, ...]:
    return (
        row["title"],
        "yes" if row["batch_norm"] else "no",
        with_spread(row, "miou"),
        f"{100 * row['val_miou']:.1f} %",
        *(with_spread(row, figure) for figure in ("pixel_accuracy", "mean_class_accuracy", "boundary_f1")),
        f"{row['ms']:.1f}" if "ms" in row else "",
    )


def _lengths(lengths: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How far apart the things are that the nets without norms join."""
    if not lengths:
        return []
    strides = next(iter(lengths.values()))["strides"]
    ratios = {name: max(own := [*found["maps"], found["context"]]) / min(own) for name, found in lengths.items()}
    return [
        wrapped(
            "What the net with context as it is joins: mean lengths of the feature vectors of each stride, and of the "
            "global context, on test images (first seed)."
        ),
        "",
        markdown_table(
            ["batch norm", *(f"stride {stride}" for stride in strides), "context", "longest over shortest"],
            [
                (name, *(f"{value:.2g}" for value in (*found["maps"], found["context"])), f"{ratios[name]:.1f}x")
                for name, found in lengths.items()
            ],
        ),
        "",
    ]


def _pictures(picture: Mapping[str, Any] | None) -> list[str]:
    if not picture:
        return []
    return [
        "",
        f"The test images with the lowest and the highest mIoU of their own by {picture['net']}, first seed:",
        "",
        f"![Image, labels and masks of the worst and the best test images]({picture['file']})",
    ]
