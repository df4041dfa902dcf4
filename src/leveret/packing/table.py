"""The tables of docs/operations.md, from the rules and operations: `python -m leveret.packing.table FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from leveret._files import replacing
from leveret.errors import LeveretUsageError
from leveret.packing import _pack  # noqa: F401  (the rules register themselves)
from leveret.packing._registry import RULES, Row
from leveret.packing._suggestions import SUGGESTIONS
from leveret.runtime.ops import OPS

__all__ = ["SECTIONS", "fill", "main", "table"]

SECTIONS = ("layers", "shapes", "expressions", "operations", "instead")


def table(section: str) -> str:
    """One table in Markdown: of the rules' `section`, of the file's "operations", or of what works "instead"."""
    if section == "operations":
        head = ["in the file", "what it does", "inputs", "attributes"]
        rows = [
            [f"`{name}`", _summary(op.__doc__), _span(*op.takes), _listed(op.attributes)] for name, op in OPS.items()
        ]
    elif section == "instead":
        head = ["not in the runtime", "what would work instead"]
        alike: dict[str, list[str]] = {}
        for name, text in sorted(SUGGESTIONS.items()):
            if name not in RULES:
                alike.setdefault(text, []).append(name)
        rows = [[_listed(names), text] for text, names in alike.items()]
    else:
        head = ["in the net", "in the file", "notes"]
        rows = [[row.net, row.file, row.notes] for row in _rows(section)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def fill(text: str) -> str:
    """`text` with every table between `<!-- table: SECTION -->` and `<!-- end of table -->` made anew.

    Raises:
        LeveretUsageError: a section has no place in the text.
    """
    for section in SECTIONS:
        begin, end = f"<!-- table: {section} -->\n", "<!-- end of table -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise LeveretUsageError(f"the text has no place for the table of {section}: {begin.strip()} … {end}")
        text = f"{before}{begin}\n{table(section)}\n\n{end}{after}"
    return text


def main(paths: list[str]) -> None:
    """Fill the tables of each file, written whole or not at all."""
    for path in paths:
        text = fill(Path(path).read_text(encoding="utf-8"))
        with replacing(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")


def _rows(section: str) -> list[Row]:
    """Each row once, in the order in which the rules are written."""
    rows = dict.fromkeys(rule.row for rule in RULES.values() if rule.row.section == section)
    return [row for row in rows if row.file]


def _summary(doc: str | None) -> str:
    """The first sentence of a docstring, without its full stop."""
    paragraph = " ".join((doc or "").split("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".").replace("|", "\\|")


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main(sys.argv[1:])
