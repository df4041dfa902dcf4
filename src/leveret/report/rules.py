"""Rules in a report: what each does on the test part, and p beside q."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.report.blocks import Block, Paragraph, Table, Tile
from leveret.report.words import count, points, share

__all__ = ["rule_blocks", "rule_table", "rule_tile"]


def rule_tile(figures: Mapping[str, Any]) -> Tile:
    """The accuracy of q, and what it gains over p."""
    p, q = figures["p"]["accuracy"], figures["q"]["accuracy"]
    tone: Any = "good" if q > p else "bad" if q < p else "plain"
    return Tile(share(q), "accuracy with the rules", f"{points(q - p)} against the net alone", tone)


def rule_blocks(figures: Mapping[str, Any]) -> list[Block]:
    """p beside q, a row a rule, and in words what the columns are.

    Args:
        figures: the `rules` of `metrics.json`.
    """
    p, q = figures["p"], figures["q"]
    rows = tuple(
        (name, share(found["accuracy"]), _interval(found["interval"]), f"{found['loss']:.3f}")
        for name, found in (("p, the net alone", p), ("q, the net with its rules", q))
    )
    both = Table("The net alone and with its rules", ("", "accuracy", "95 % interval", "cross-entropy"), rows)
    return [both, rule_table(figures), Paragraph(_words(figures))]


def rule_table(figures: Mapping[str, Any]) -> Table:
    """A row a rule."""
    rows = tuple(
        (
            row["name"],
            "hard" if row["weight"] is None else f"{row['weight']:.3g}" + (" (learned)" if row["learned"] else ""),
            share(row["fires"]),
            _truth(row["labels_obey"]),
            _truth(row["p_obeys"]),
            _truth(row["q_obeys"]),
        )
        for row in figures["rows"]
    )
    columns = ("rule", "weight", "fires", "labels obey", "p obeys", "q obeys")
    return Table("What each rule does on the test part", columns, rows)


def _words(figures: Mapping[str, Any]) -> str:
    samples, unlabelled = figures["samples"], figures["unlabelled"]
    told = (
        f"A rule fires on a sample if it makes some class dearer there. The other columns are its mean truth where it "
        f"fires, with the true labels, with what the net says, and with what the net says with its rules. Rules of "
        f"{figures['file'] or 'this training'} taught with {figures['logic']} logic, C = {figures['strength']:g}, "
        f"{figures['teacher']}, on {count(samples, 'training sample', 'training samples')}"
    )
    told += f", {unlabelled:,} of them without a label." if unlabelled else "."
    if figures["dropped"]:
        told += f" Hard rules contradicted each other on {figures['dropped']:,} of them, and were left out there."
    never = [row["name"] for row in figures["rows"] if not row["fires_in_training"] and not row["asks_net"]]
    if never:
        told += f" Never fired in training: {', '.join(never)}."
    return told


def _interval(ends: Any) -> str:
    return f"{100 * ends[0]:.2f} – {100 * ends[1]:.2f}"


def _truth(value: float | None) -> str:
    return "–" if value is None else share(value)
