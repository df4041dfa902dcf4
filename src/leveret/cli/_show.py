"""What commands print to people: tables by rich, coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.report.words import count, operations, share, size, times

__all__ = ["show", "show_inspection", "show_shrink"]


def show(*renderables: Any) -> None:
    """Print to stdout; a pipe gets whole lines, however long."""
    console = Console() if sys.stdout.isatty() else Console(width=160, no_color=True, highlight=False)
    for renderable in renderables:
        console.print(renderable, highlight=False)


def show_inspection(found: Any) -> None:
    """`leveret inspect`."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("layer", "operation", "in", "out"):
        table.add_column(name, no_wrap=True)
    for name in ("bits", "parameters", "bytes", "MACs", "binary MACs"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in found.layers:
        table.add_row(
            escape(str(layer["name"])),
            escape(str(layer["op"])),
            "x".join(map(str, layer["in_shape"])),
            "x".join(map(str, layer["out_shape"])),
            str(layer["bits"]),
            *(f"{layer[key]:,}" if layer[key] else "" for key in ("parameters", "bytes", "macs", "binary_macs")),
        )
    totals = found.totals
    table.add_row(
        "all", "", "", "", "", *(f"{totals[key]:,}" for key in ("parameters", "bytes", "macs", "binary_macs")),
        style="bold",
    )  # fmt: skip
    lines = [
        Text.from_markup(
            f"[bold]{escape(found.path)}[/bold]  {size(found.nbytes)}, .lvr format {escape(found.format_version)}"
        ),
        Text(f"takes {_taken(found.input)}"),
        Text(f"knows {count(len(found.classes), 'class', 'classes')}: {_some(found.classes)}" if found.classes else ""),
        Text(", ".join(f"{key} {_plain(value)}" for key, value in found.provenance.items()), style="dim"),
    ]
    show(*(line for line in lines if line.plain), Text(""), table)
    if found.binary_bytes_ratio:
        show(Text(f"\nbinary layers: {times(found.binary_bytes_ratio)} fewer bytes than in float32"))


def show_shrink(result: Any) -> None:
    """`leveret shrink`: the table of the report, and where things are."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("accuracy", "95 % interval", "bytes", "ms/image", "images/s", "MACs", "binary MACs"):
        table.add_column(name, justify="right", no_wrap=True)
    for model in result.models:
        table.add_row(
            model.title,
            share(model.accuracy),
            f"{100 * model.interval[0]:.2f} – {100 * model.interval[1]:.2f}",
            size(model.bytes),
            f"{model.ms_per_image:.3f}",
            f"{model.images_per_second:,.0f}",
            operations(model.macs),
            operations(model.binary_macs),
            style="bold" if model.key == "packed" else "",
        )
    show(Text(""), table, Text(""), *(Text(line) for line in result.headlines), Text(""))
    show(Text(f"report   {result.out / 'report.html'}"), Text(f"model    {result.out / 'model.lvr'}"))
    show(Text(f"try      leveret predict {result.out / 'model.lvr'} IMAGE", style="dim"))


def _taken(contract: dict[str, Any]) -> str:
    if len(contract["shape"]) == 1:
        return f"texts of {contract['shape'][0]} token ids, each in 0..{contract['vocabulary'] - 1}"
    channels, height, width = contract["shape"]
    return f"images of {height}x{width} pixels, {'grey' if channels == 1 else f'{channels} channels'}"


def _some(names: Any, most: int = 12) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
