"""What `leveret rules check` and `leveret fit --rules` print to people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.report.words import share

__all__ = ["rules_shown", "show_checked"]

_MOST = 5


def show_checked(found: Any) -> None:
    """`leveret rules check`: a row a rule, and the examples on which hard rules contradict each other."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("rule", "line", "weight", "groundings", "fires", "", "labelled", "labels obey"):
        table.add_column(name, justify="left" if name == "rule" else "right", no_wrap=True)
    for count in found.counts:
        obeyed = "–" if count.obeyed is None else share(count.obeyed)
        table.add_row(
            escape(count.name),
            str(count.place.line),
            "hard" if count.weight is None else f"{count.weight:g}",
            f"{count.groundings:,}",
            f"{count.fires:,}",
            share(count.fires / max(count.groundings, 1)),
            f"{count.labelled:,}",
            f"{obeyed} ¹" if count.asks_net else obeyed,
        )
    show(table)
    if any(count.asks_net for count in found.counts):
        show(Text("\n¹ asks the net, of which nothing is known yet: as if it took all classes for alike likely", "dim"))
    if not found.contradictions:
        show(Text("\nno hard rules contradict each other"))
        return
    sets = Counter(one.rules for one in found.contradictions)
    show(Text(f"\nhard rules leave {len(found.contradictions):,} examples no class:", "red"))
    for rules, number in sets.most_common():
        those = [str(one.example) for one in found.contradictions if one.rules == rules]
        listed = ", ".join(those[:_MOST]) + (", …" if number > _MOST else "")
        names = " and ".join(rules) if len(rules) > 1 else f"{rules[0]} by itself"
        show(Text(f"  {names}: {number:,}, examples {listed} (from 0)", "red"))


def rules_shown(figures: Any) -> list[Any]:
    """p beside q, and the table of the report."""
    from leveret.report.rules import rule_table

    drawn = rule_table(figures)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(drawn.columns):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for row in drawn.rows:
        table.add_row(*map(escape, row))
    what, key = ("F1", "f1") if "f1" in figures["p"] else ("accuracy", "accuracy")
    p, q = figures["p"][key], figures["q"][key]
    return [
        table,
        Text(""),
        Text(f"{what} of p, the net alone, {share(p)}; of q, the net with its rules, {share(q)}"),
    ]
