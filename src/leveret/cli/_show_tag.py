"""What `leveret fit --task tag` prints to people."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leveret.cli._show import show
from leveret.cli._tables import figures, where_it_is
from leveret.report.words import share

__all__ = ["show_tag"]

_MOST = 24


def show_tag(result: Any) -> None:
    """The figures, those of each type, and where things are."""
    test = result.metrics["test"]
    table = (
        ("F1", "f1", "the harmonic mean of the next two, over all entities"),
        ("precision", "precision", "of the entities that were said, the share that is right"),
        ("recall", "recall", "of the entities that there are, the share that was found whole"),
        ("tokens", "accuracy", "share of the tokens with the right tag"),
    )
    rows = ((title, share(test[key]), what) for title, key, what in table)
    types = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("type", "F1", "precision", "recall", "entities"):
        types.add_column(name, justify="left" if name == "type" else "right", overflow="ellipsis", no_wrap=True)
    for row in test["per_type"][:_MOST]:
        cells = (share(row[key]) for key in ("f1", "precision", "recall"))
        types.add_row(escape(row["type"]), *cells, f"{row['entities']:,}")
    show(Text(""), figures(rows), Text(""), types)
    if len(test["per_type"]) > _MOST:
        show(Text(f"and {len(test['per_type']) - _MOST} more types", style="dim"))
    if "rules" in result.metrics:
        from leveret.cli._show_rules import rules_shown

        show(Text(""), *rules_shown(result.metrics["rules"]))
    heed = " --heed" if result.metrics.get("rules", {}).get("packs") else ""
    show(*where_it_is(result, f"TEXTS.txt{heed}"))
