"""One screen that says what sentences with tags hold."""

from __future__ import annotations

from typing import Any

from leveret.data._summary import report_lines
from leveret.data.tagging._data import TaggingData

__all__ = ["summary"]

_BAR = 24


def summary(data: TaggingData) -> Any:
    """A rich renderable: parts, entities of each type with a bar, what was skipped and decided."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    splits = data.splits
    counts = {name: split.entity_counts() for name, split in splits.items()}  # type: ignore[attr-defined]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("entities", *splits):
        table.add_column(name, justify="left" if name == "entities" else "right", overflow="ellipsis", no_wrap=True)
    table.add_column("")
    most = max([*counts["train"].values(), 1])
    for kind in data.types:
        found = counts["train"][kind]
        bar = "█" * max(1, round(_BAR * found / most)) if found else ""
        table.add_row(escape(kind), *(f"{part[kind]:,}" for part in counts.values()), f"[cyan]{bar}[/cyan]")
    tokens = {name: int(split.lengths.sum()) for name, split in splits.items()}  # type: ignore[union-attr]
    table.add_row("[dim]tokens[/dim]", *(f"[dim]{n:,}[/dim]" for n in tokens.values()), "")
    table.add_row("[bold]sentences[/bold]", *(f"[bold]{len(split):,}[/bold]" for split in splits.values()), "")
    outside = data.train.class_counts()[data.classes.index("O")] if "O" in data.classes else 0
    what = f"sentences with {data.scheme} tags of {len(data.types)} types of entities"
    title = f"[bold]{escape(data.name)}[/bold]  {what}"
    parts: list[Any] = [Text.from_markup(title), Text(""), table, Text("")]
    parts.append(Text(f"{outside / max(tokens['train'], 1):.1%} of the training tokens are outside of any entity"))
    return Group(*parts, *report_lines(data.report))
