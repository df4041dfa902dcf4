"""What `leveret fit` and `leveret compare --balance` print to people."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.cli._tables import catalogue, figures, where_it_is
from leveret.report.figure_names import COLUMNS, HEADLINES
from leveret.report.words import share

__all__ = ["show_balance", "show_balance_methods", "show_fit"]


def show_fit(result: Any) -> None:
    """`leveret fit`: the figures, and where things are."""
    found = result.metrics["figures"]
    rows = [(one.title, one.form(found[one.key]), one.what) for one in COLUMNS if one.key in found]
    if result.metrics["data"]["ratio"] > 1.5:
        rows.append(("majority vote", share(found["majority_accuracy"]), "accuracy of always naming one class"))
    show(Text(""), figures(rows))
    capacity = result.metrics.get("capacity")
    if capacity is not None:
        show(Text(""), _capacity(capacity))
    if "rules" in result.metrics:
        from leveret.cli._show_rules import rules_shown

        show(Text(""), *rules_shown(result.metrics["rules"]))
    show(*where_it_is(result, "TEXTS.txt" if result.metrics["data"]["kind"] == "text" else "IMAGE"))
    if capacity is not None:
        show(Text(f"try      leveret explain {result.out} IMAGE -o where.png", style="dim"))


def _capacity(figures: Any) -> Table:
    """What a closer look gains and costs: the table of the report."""
    from leveret.report.capacity import capacity_table

    drawn = capacity_table(figures)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(drawn.columns):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for i, row in enumerate(drawn.rows):
        table.add_row(*row, style="bold" if i == drawn.strong else "")
    return table


def show_balance(result: Any) -> None:
    """`leveret compare --balance`: the table of the report, what has no result, and where things are."""
    from leveret.report.balance import marks

    ok = [row for row in result.rows if row["status"] == "ok"]
    columns = [column for column in COLUMNS if column.key in ok[0]["figures"]]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("method", no_wrap=True)
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
    table.add_column("")
    for row in ok:
        cells = (column.form(row["figures"][column.key]) for column in columns)
        table.add_row(escape(row["key"]), *cells, marks(row), style="bold" if row["key"] == "plain" else "")
    show(Text(""), table, Text(""))
    for row in result.rows:
        if row["status"] != "ok":
            show(Text(f"{row['key']}: {row['why']}", style="red"))
    metrics = result.metrics
    show(Text(f"ranked by {HEADLINES[metrics['headline']]}; auto would take {metrics['auto']['key']}"))
    show(Text(f"a majority vote has {share(ok[0]['figures']['majority_accuracy'])} accuracy"))
    show(Text(""), Text(f"report   {result.out / 'report.html'}"), Text(f"nets     {result.out / 'methods'}/METHOD/"))


def show_balance_methods() -> None:
    """`leveret fit --list`."""
    from leveret.balance.catalogue import METHODS

    show(catalogue(METHODS.values()))
