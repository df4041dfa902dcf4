"""One screen that says what the data is."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret._skew import skew_of
from leveret.data._types import Data, LoadReport

__all__ = ["report_lines", "summary"]

_MOST_ROWS = 16
_BAR = 24


def summary(data: Data) -> Any:
    """A rich renderable: shape, parts, class counts with bars, what was skipped and decided."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = [Text.from_markup(f"[bold]{escape(data.name)}[/bold]  {_what(data)}")]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("class", "train", "val", "test"):
        table.add_column(name, justify="left" if name == "class" else "right", overflow="ellipsis", no_wrap=True)
    table.add_column("")
    counts = {name: split.class_counts() for name, split in data.splits.items()}
    train = counts["train"]
    order = np.argsort(-train, kind="stable") if len(train) > _MOST_ROWS else np.arange(len(train))
    half = _MOST_ROWS // 2
    shown = [*order[:half], None, *order[-half:]] if len(order) > _MOST_ROWS else list(order)
    for label in shown:
        if label is None:
            table.add_row("[dim]…[/dim]", "", "", "", f"[dim]{len(order) - _MOST_ROWS} classes between[/dim]")
            continue
        bar = "█" * max(1, round(_BAR * train[label] / max(train.max(), 1))) if train[label] else ""
        table.add_row(escape(data.classes[label]), *(f"{counts[p][label]:,}" for p in counts), f"[cyan]{bar}[/cyan]")
    table.add_row(
        "[bold]all[/bold]", *(f"[bold]{len(split):,}[/bold]" for split in data.splits.values()), "", end_section=True
    )
    parts += [Text(""), table, Text("")]
    least, most = int(train[train > 0].min()), int(train.max())
    parts.append(
        Text(
            f"largest class / smallest: {most / least:.1f}   accuracy of always saying "
            f"{data.classes[int(train.argmax())]!r}: {most / max(len(data.train), 1):.1%}"
        )
    )
    skew = skew_of(train)
    if skew is not None and skew.skewed:
        text = (
            f"! skewed: {data.classes[skew.least]!r} is {skew.in_words} of {data.classes[skew.most]!r}, so accuracy "
            "alone misleads; look at balanced accuracy and the classes' recalls"
        )
        parts.append(Text(text, style="yellow"))
    if data.kind == "image":
        mean = ", ".join(f"{value:.3f}" for value in data.normalization.mean)
        std = ", ".join(f"{value:.3f}" for value in data.normalization.std)
        parts.append(Text(f"training pixels (0 to 1): mean {mean}   deviation {std}"))
    parts += report_lines(data.report)
    return Group(*parts)


def report_lines(report: LoadReport) -> list[Any]:
    """What was decided, what may surprise, and what was skipped, a line each."""
    from rich.text import Text

    lines = [Text(f"· {note}", style="dim") for note in report.notes]
    lines += [Text(f"! {warning}", style="yellow") for warning in report.warnings]
    if report.skipped:
        lines.append(Text(f"! {len(report.skipped)} of {report.found} samples were skipped:", style="yellow"))
        lines += [Text(f"    {s.where}: {s.reason}", style="yellow") for s in report.skipped[:5]]
        if len(report.skipped) > 5:
            lines.append(Text(f"    and {len(report.skipped) - 5} more", style="yellow"))
    return lines


def _what(data: Data) -> str:
    if data.kind == "text":
        return f"texts of {data.num_classes} classes"
    if data.kind == "table":
        return f"rows of {len(data.features):,} features in {data.num_classes} classes"
    channels, height, width = data.image_shape
    colour = "grey" if channels == 1 else "colour"
    return f"{colour} images of {height}x{width} pixels in {data.num_classes} classes"
