"""What `leveret judge` prints: the verdict, its tests, what differs, and the samples that gave it away."""

from __future__ import annotations

import textwrap
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.report.judge import group_titles, test_rows

__all__ = ["show_judge"]

_FEATURES = 6
_SAMPLES = 4
_TEXT = 100


def show_judge(result: Any) -> None:
    """All of it."""
    metrics = result.metrics
    show(*(Text(line) for line in textwrap.wrap(metrics["in_words"], 110)), Text(""), _tests(metrics))
    if metrics["look"] is not None:
        look = metrics["look"]
        show(Text(f"look {look['number']:,} of {look['period']:,}, each at the level {look['level']:.2g}"))
    if "models" in metrics:
        models = metrics["models"]
        show(
            Text(
                f"both name the same class for {100 * models['agreement']:.2f} % of {models['samples']:,} samples; the "
                f"largest difference of a share is {models['largest_difference']:.2g}"
            )
        )
    if metrics["different"]:
        show(Text(""), _differences(metrics))
        if metrics["words"]:
            show(Text(""), *_words(metrics))
        show(Text(""), *_samples(metrics))
    for note in metrics["notes"]:
        show(Text(f"· {note}", style="dim"))
    if result.out is not None:
        show(Text(""), Text(f"report   {result.out / 'report.html'}"))


def _tests(metrics: Any) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("test", no_wrap=True)
    for name in ("statistic", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for number, (title, value, p, _) in enumerate(test_rows(metrics)):
        decides = f"decides, at the level {metrics['level']:.2g}" if not number else ""
        table.add_row(title, value, p, decides, style="" if number else "bold")
    return table


def _differences(metrics: Any) -> Table:
    a, b = metrics["names"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("what differs", no_wrap=True)
    for name in (escape(a), escape(b), "in deviations", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in metrics["differences"][:_FEATURES]:
        cells = f"{each['a']:.4g}", f"{each['b']:.4g}", f"{each['effect']:+.2f}".replace("-", "−"), f"{each['p']:.2g}"
        table.add_row(escape(each["name"]), *cells)
    return table


def _words(metrics: Any) -> list[Text]:
    lines = []
    for name, more in zip(metrics["names"], (lambda z: z < 0, lambda z: z > 0), strict=True):
        said = [each["words"] for each in metrics["words"] if more(each["z"])][:8]
        if said:
            lines.append(Text(f"{name} says more often: {', '.join(said)}"))
    return lines


def _samples(metrics: Any) -> list[Text]:
    lines = []
    for (side, right), title in group_titles(metrics["names"]).items():
        chosen = [e for e in metrics["giveaways"] if e["side"] == side and (e["said"] == side) == right]
        if not right or not chosen:
            continue
        lines.append(Text(f"{title}:", style="dim"))
        for each in chosen[:_SAMPLES]:
            lines.append(Text(f"  {each['sample']}  {each.get('text', '')[:_TEXT]}".rstrip()))
    return lines
