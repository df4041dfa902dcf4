"""Tables and lines that several commands print in the same form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

__all__ = ["catalogue", "figures", "where_it_is"]


def catalogue(methods: Iterable[Any]) -> Table:
    """What `--list` shows of methods: key, what it does, source."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("key", "what it does", "source"):
        table.add_column(name, no_wrap=name == "key")
    for method in methods:
        table.add_row(method.key, escape(method.what), escape(method.paper))
    return table


def figures(rows: Iterable[tuple[str, str, str]]) -> Table:
    """Figures one below the other: name, value, what it means."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("", style="dim")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", style="dim")
    for row in rows:
        table.add_row(*row)
    return table


def where_it_is(result: Any, to_try: str) -> list[Text]:
    """Where a training left its report and its net, and behind `leveret predict MODEL` what to try it on."""
    lines = [Text(""), Text(f"report   {result.out / 'report.html'}")]
    if result.model is None:
        return [*lines, Text(f"weights  {result.out / 'net' / 'net.safetensors'}")]
    return [
        *lines,
        Text(f"model    {result.model}"),
        Text(f"try      leveret predict {result.model} {to_try}", style="dim"),
    ]
