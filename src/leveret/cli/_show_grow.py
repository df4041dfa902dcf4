"""What `leveret grow` prints to people."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.report.words import share

__all__ = ["show_grow"]


def show_grow(result: Any) -> None:
    """The tree, why it is as it is, before and after, and where things are."""
    metrics, figures = result.metrics, result.metrics["figures"]
    show(Text(""), *(Text(line) for line in metrics["outline"]), Text(""))
    for step in _walk(metrics["plan"]):
        name = "-".join(["root", *map(str, step["path"])])
        show(Text(f"{name} ({step['action']}): {step['why']}", style="dim"))
    for one in metrics["pruned"]:
        name = "-".join(["root", *map(str, one["path"])])
        done = "branch taken away" if one["pruned"] else "branch stays"
        show(Text(f"{name}: {done}, {share(one['with_branch'])} with it, {share(one['without'])} without", style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("accuracy on")
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = (
        ("old classes", "before", "old"),
        ("old classes, told among themselves", "before", "old_alone"),
        ("new classes", "", "new"),
        ("all classes", "", "accuracy"),
    )
    for title, before, after in rows:
        cells = ("–" if figures.get(key) is None else share(figures[key]) for key in (before, after))
        table.add_row(escape(title), *cells, style="bold" if after == "accuracy" else "")
    show(Text(""), table, Text(""))
    compute = metrics["compute"]
    show(Text(f"it took {100 * compute['ratio']:.0f} % of the compute of training anew"))
    if single := metrics.get("single"):
        said = "" if single["accuracy"] is None else f", {share(single['accuracy'])}"
        show(Text(f"one net that learned from the tree: {result.out / 'single.lvr'}{said}"))
    for note in metrics["notes"]:
        show(Text(note, style="yellow"))
    show(Text(""), Text(f"report   {result.out / 'report.html'}"), Text(f"tree     {result.out / 'tree.safetensors'}"))
    if result.model is not None:
        show(Text(f"model    {result.model}"), Text(f"try      leveret predict {result.model} IMAGE", style="dim"))


def _walk(plan: Any) -> Any:
    yield plan
    for child in plan["children"]:
        yield from _walk(child)
