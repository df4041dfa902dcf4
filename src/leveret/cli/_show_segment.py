"""What `leveret fit` and `leveret shrink` print to people of images with masks."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.cli._tables import figures, where_it_is
from leveret.report.words import operations, share, size

__all__ = ["show_segment", "show_shrink_masks"]

_MOST = 24


def show_segment(result: Any) -> None:
    """The figures, IoU class by class, and where things are."""
    test = result.metrics["test"]
    table = (
        ("mean IoU", "miou", "intersection over union, the mean of the classes"),
        ("pixels", "pixel_accuracy", "share of the labelled test pixels that is right"),
        ("classes", "mean_class_accuracy", "the same, the mean of the classes"),
        ("boundaries", "boundary_f1", f"F1 of outlines, within {100 * test['tolerance']:.2g} % of the diagonal"),
    )
    rows = ((title, "–" if test[key] is None else share(test[key]), what) for title, key, what in table)
    classes = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("class", "IoU", "of pixels"):
        classes.add_column(name, justify="left" if name == "class" else "right", overflow="ellipsis", no_wrap=True)
    for row in test["per_class"][:_MOST]:
        iou = "–" if row["iou"] is None else share(row["iou"])
        classes.add_row(escape(row["class"]), iou, share(row["pixels"] / max(test["pixels"], 1)))
    show(Text(""), figures(rows), Text(""), classes)
    if len(test["per_class"]) > _MOST:
        show(Text(f"and {len(test['per_class']) - _MOST} more classes", style="dim"))
    show(*where_it_is(result, "IMAGE -o masks/"))


def show_shrink_masks(result: Any) -> None:
    """The models side by side, as in the report, and where things are."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("mean IoU", "pixels", "bytes", "ms/image", "images/s", "MACs", "binary MACs"):
        table.add_column(name, justify="right", no_wrap=True)
    for model in result.models:
        table.add_row(
            model.title,
            share(model.miou),
            share(model.pixel_accuracy),
            size(model.bytes),
            f"{model.ms_per_image:.3f}",
            f"{model.images_per_second:,.0f}",
            operations(model.macs),
            operations(model.binary_macs),
            style="bold" if model.key == "packed" else "",
        )
    show(Text(""), table, Text(""), *(Text(line) for line in result.headlines))
    show(Text(""), Text(f"report   {result.out / 'report.html'}"), Text(f"model    {result.out / 'model.lvr'}"))
    show(Text(f"try      leveret predict {result.out / 'model.lvr'} IMAGE -o masks/", style="dim"))
