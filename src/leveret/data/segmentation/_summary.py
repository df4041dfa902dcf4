"""One screen that says what images with masks hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.data._summary import report_lines
from leveret.data.segmentation._data import SegmentationData

__all__ = ["summary"]

_BAR = 24


def summary(data: SegmentationData) -> Any:
    """A rich renderable: shape, parts, each class's share of the pixels with a bar, what was skipped and decided."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    channels, height, width = data.image_shape
    colour = "grey" if channels == 1 else "colour"
    parts: list[Any] = [
        Text.from_markup(
            f"[bold]{escape(data.name)}[/bold]  {colour} images of {height}x{width} pixels with masks of "
            f"{data.num_classes} classes"
        ),
        Text(""),
    ]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("class", "train", "val", "test", "images"):
        table.add_column(name, justify="left" if name == "class" else "right", overflow="ellipsis", no_wrap=True)
    table.add_column("")
    splits = (data.train, data.val, data.test)
    counts = np.stack([split.class_counts() for split in splits])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for label, name in enumerate(data.classes):
        length = round(_BAR * shares[0, label] / max(shares[0].max(), 1e-9))
        bar = "█" * max(1, length) if counts[0, label] else ""
        red, green, blue = data.colors[label]
        images = int(data.train.image_counts()[label])
        table.add_row(
            escape(name),
            *(f"{share:.2%}" if len(split) else "–" for share, split in zip(shares[:, label], splits, strict=True)),
            f"{images:,}",
            f"[rgb({red},{green},{blue})]{bar}[/]",
        )
    table.add_row(
        "[bold]images[/bold]", *(f"[bold]{len(split):,}[/bold]" for split in splits), f"{len(data.train):,}", ""
    )
    parts += [table, Text("")]
    labelled = counts.sum() / max(sum(len(split) for split in splits) * height * width, 1)
    most = int(counts[0].argmax())
    parts.append(
        Text(
            f"train, val, test: share of the labelled pixels; images: training images that hold the class. Always "
            f"saying {data.classes[most]!r} is right for {shares[0, most]:.1%} of them"
        )
    )
    if labelled < 0.995:
        parts.append(Text(f"{1 - min(labelled, 1):.1%} of all pixels have no label"))
    parts += report_lines(data.report)
    return Group(*parts)
