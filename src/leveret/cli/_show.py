"""What commands print to people: tables by rich, coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._tables import catalogue
from leveret.report.contender import NOISY
from leveret.report.words import count, factor, operations, share, size, times

__all__ = ["show", "show_bench", "show_compare", "show_distill", "show_inspection", "show_methods", "show_shrink"]

_BUSY = "The machine was busy: the fastest turns count."


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
            _sides(layer["in_shape"]),
            _sides(layer["out_shape"]),
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
        *(_route(found.route, "a text" if found.input.get("texts") else "an image") if found.route else ()),
        Text(f"rules: {_rules(found.rules)}" if found.rules else ""),
    ]
    if found.input.get("texts"):
        lines.append(Text("MACs are of a text of 20 tokens", style="dim"))
    show(*(line for line in lines if line.plain), Text(""), table)
    if found.binary_bytes_ratio:
        show(Text(f"\nbinary layers: {times(found.binary_bytes_ratio)} fewer bytes than in float32"))


def _rules(rules: Any) -> str:
    return _some([f"{rule['name']} ({'hard' if rule['weight'] is None else _plain(rule['weight'])})" for rule in rules])


def _route(route: dict[str, Any], each: str) -> list[Text]:
    """What a model of several parts does with them."""
    settings = ", ".join(f"{key} {_plain(value)}" for key, value in route.items() if key not in ("name", "parts"))
    lines = [Text(f"route {route['name']}: {settings}")]
    for part in route["parts"]:
        shapes = f"{_sides(part['in_shape'])} to {_sides(part['out_shape'])}"
        lines.append(Text(f"  {part['name']}: {shapes}, {_plain(part['runs'])} times {each}"))
    return lines


def show_shrink(result: Any) -> None:
    """`leveret shrink`: the table of the report, and where things are."""
    show(Text(""), _models_table(result.models, "packed"), Text(""), *(Text(line) for line in result.headlines))
    show(Text(""), *_places(result.out))


def show_distill(result: Any) -> None:
    """`leveret distill`: the table of the report, and where things are."""
    show(Text(""), _models_table(result.models, "student"), Text(""), *(Text(line) for line in result.headlines))
    show(Text(""), *_places(result.out))


def _models_table(models: Any, strong: str) -> Table:
    """A row a model; the one with the key `strong` stands out."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("accuracy", "95 % interval", "bytes", "ms/image", "images/s", "MACs", "binary MACs"):
        table.add_column(name, justify="right", no_wrap=True)
    for model in models:
        table.add_row(
            model.title,
            share(model.accuracy),
            f"{100 * model.interval[0]:.2f} – {100 * model.interval[1]:.2f}",
            size(model.bytes),
            f"{model.ms_per_image:.3f}",
            f"{model.images_per_second:,.0f}",
            operations(model.macs),
            operations(model.binary_macs),
            style="bold" if model.key == strong else "",
        )
    return table


def _places(out: Any) -> tuple[Text, ...]:
    """Where the report and the model are, and what to try next."""
    return (
        Text(f"report   {out / 'report.html'}"),
        Text(f"model    {out / 'model.lvr'}"),
        Text(f"try      leveret predict {out / 'model.lvr'} IMAGE", style="dim"),
    )


def show_compare(result: Any) -> None:
    """`leveret compare`: the table of the report, what has no result, and where things are."""
    from leveret.report.compare import marks

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("method", no_wrap=True)
    for name in ("accuracy", "95 % interval", "bytes", "smaller", "ms/image", "images/s", "as PyTorch"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    ok = [row for row in result.rows if row["status"] == "ok"]
    real = next((row for row in ok if row["key"] == "real"), None)
    for row in ok:
        table.add_row(
            escape(row["key"]),
            share(row["accuracy"]),
            f"{100 * row['interval'][0]:.2f} – {100 * row['interval'][1]:.2f}",
            size(row["bytes"]),
            times(real["bytes"] / row["bytes"]) if real else "",
            f"{row['ms_per_image']:.3f}",
            f"{row['images_per_second']:,.0f}",
            share(row["agreement"]),
            marks(row),
            style="bold" if row["key"] == "real" else "",
        )
    show(Text(""), table, Text(""))
    for row in result.rows:
        if row["status"] != "ok":
            show(Text(f"{row['key']}: {marks(row)}: {row['why']}", style="red"))
    for cost, word in (("bytes", "smaller"), ("ms_per_image", "faster")):
        show(Text(f"as accurate and {word} is none than: {', '.join(result.metrics['front'][cost])}"))
    if result.metrics["timing_noise"] > NOISY:
        show(Text(_BUSY, style="dim"))
    show(Text(""), Text(f"report   {result.out / 'report.html'}"))
    show(Text(f"models   {result.out / 'methods'}/METHOD/model.lvr"))


def show_methods() -> None:
    """`leveret compare --list`."""
    from leveret.shrink.catalogue import METHODS

    show(catalogue(METHODS.values()))


def _taken(contract: dict[str, Any]) -> str:
    if contract.get("texts"):
        return f"texts of any length, of {contract['vocabulary']:,} token ids"
    if len(contract["shape"]) == 1:
        return f"texts of {contract['shape'][0]} token ids, each in 0..{contract['vocabulary'] - 1}"
    channels, height, width = contract["shape"]
    return f"images of {height}x{width} pixels, {'grey' if channels == 1 else f'{channels} channels'}"


def show_bench(found: Any) -> None:
    """`leveret bench`: the engines side by side, in words what that means, and the layers."""
    kernels, processor = found.environment["kernels"], found.environment["processor"]
    threads = count(found.threads, "thread", "threads")
    show(Text.from_markup(f"[bold]{escape(found.path)}[/bold]  {size(found.nbytes)}"))
    show(Text(f"{kernels} kernels, {threads}, {processor}"), Text(""), _engines(found), Text(""))
    ours, *peers = found.models
    for peer in peers:
        one = factor(peer.ms_per_image / ours.ms_per_image, "faster", "slower")
        many = factor(ours.images_per_second / peer.images_per_second, "faster", "slower")
        show(Text(f"against {peer.title}: {one} one by one, {many} in batches of {found.batch}"))
        if not peer.same_shapes:
            show(Text(f"{peer.title} gave other shapes than the packed model: don't compare it", style="red"))
    for key, reason in found.left_out.items():
        show(Text(f"without {key}: {reason}", style="yellow"))
    if peers:
        show(Text("The others run the same layers in float32: no signs, no bits.", style="dim"))
    how = _BUSY if found.noise > NOISY else "Medians of the turns."
    show(Text(f"From what it takes to logits. {how}", style="dim"))
    show(Text("Memory: of a process that only predicts, at its peak.", style="dim"))
    if found.parts:
        show(Text(""), _layers(found.parts, False, found.unit))
    if found.profile:
        show(
            Text(""),
            _layers(found.profile, bool(found.peaks), found.unit),
            Text(""),
            *(Text(line, style="dim") for line in _peaks(found)),
        )


def _engines(found: Any) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in (f"ms/{found.unit}", f"{found.unit}s/s by {found.batch}", "memory", "weights"):
        table.add_column(name, justify="right", no_wrap=True)
    for model in found.models:
        table.add_row(
            model.title,
            f"{model.ms_per_image:.3f}",
            f"{model.images_per_second:,.0f}",
            size(model.peak_bytes) if model.peak_bytes else "–",
            size(model.weight_bytes),
            style="bold" if model.key == "leveret" else "",
        )
    return table


def _layers(profile: Any, peaks: bool, unit: str) -> Table:
    """A row a layer, or a part of several; two or three columns for each batch size."""
    # all of it fits into 80 columns, if no layer's name is too long
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("\nlayer", overflow="fold")
    table.add_column("\noperation", overflow="fold")
    for batch in profile:
        table.add_column(f"batch {batch}\n{'µs' if batch == 1 else f'µs/{unit}'}", justify="right", no_wrap=True)
        table.add_column("\nshare", justify="right", no_wrap=True)
        if peaks:
            table.add_column("\npeak", justify="right", no_wrap=True)
    for rows in zip(*profile.values(), strict=True):
        cells = []
        for row in rows:
            us = 1e6 * row.seconds
            cells += [f"{us:.1f}" if us < 99.95 else f"{us:,.0f}", f"{100 * row.share:.0f} %"]
            if peaks:
                cells.append("" if row.of_peak is None else f"{100 * row.of_peak:.0f} %")
        table.add_row(escape(rows[0].name), escape(rows[0].op), *cells, style="bold" if rows[0].name == "all" else "")
    return table


def _peaks(found: Any) -> list[str]:
    busy = [_BUSY] if found.layers_noise > NOISY else []
    if not found.peaks:
        return [*busy, "numpy's reference kernels have no peak to hold the layers to."]
    kernels, threads = found.environment["kernels"], count(found.threads, "thread", "threads")
    binary, real = (operations(found.peaks[key]) for key in ("binary_macs", "float_macs"))
    return [
        f"Peak: {binary} binary and {real} float MACs a second ({kernels}, {threads}).",
        "A layer's: the time that its MACs would take at that rate, over its own time.",
        *busy,
    ]


def _some(names: Any, most: int = 12) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _sides(shape: Any) -> str:
    return "x".join(map(str, shape))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_plain(own)}" for key, own in value.items())
    if isinstance(value, list):
        return _sides(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
