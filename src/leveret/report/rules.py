"""Rules in a report: what each does on the test part, and p beside q."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.report.blocks import Block, Paragraph, Table, Tile
from leveret.report.words import count, points, share

__all__ = ["rule_blocks", "rule_table", "rule_tile"]


def rule_tile(figures: Mapping[str, Any]) -> Tile:
    """The accuracy of q, and what it gains over p."""
    key = "f1" if _of_tags(figures) else "accuracy"
    p, q = figures["p"][key], figures["q"][key]
    tone: Any = "good" if q > p else "bad" if q < p else "plain"
    what = "F1" if _of_tags(figures) else "accuracy"
    return Tile(share(q), f"{what} with the rules", f"{points(q - p)} against the net alone", tone)


def rule_blocks(figures: Mapping[str, Any]) -> list[Block]:
    """p beside q, a row a rule, and in words what the columns are.

    Args:
        figures: the `rules` of `metrics.json`.
    """
    return [_both(figures), rule_table(figures), Paragraph(_words(figures))]


def _both(figures: Mapping[str, Any]) -> Table:
    named = (("p, the net alone", figures["p"]), ("q, the net with its rules", figures["q"]))
    title = "The net alone and with its rules"
    if _of_tags(figures):
        keys = ("f1", "precision", "recall")
        rows = tuple((name, *(share(found[key]) for key in keys), f"{found['broken']:,}") for name, found in named)
        return Table(title, ("", "F1", "precision", "recall", "broken transitions"), rows)
    rows = tuple(
        (name, share(found["accuracy"]), _interval(found["interval"]), f"{found['loss']:.3f}") for name, found in named
    )
    return Table(title, ("", "accuracy", "95 % interval", "cross-entropy"), rows)


def _of_tags(figures: Mapping[str, Any]) -> bool:
    return "f1" in figures["p"]


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
    one, many = ("training sentence", "training sentences")
    fires = "A rule fires on a token if it makes some tag dearer there, or some pair of tags with the one before; the "
    fires += "list rule is counted by members that stand beside one of their list"
    if not _of_tags(figures):
        one, many = ("training sample", "training samples")
        fires = "A rule fires on a sample if it makes some class dearer there"
    told = (
        f"{fires}. The other columns are its mean truth where it fires, with the true labels, with what the net says, "
        f"and with what the net says with its rules. Rules of {figures['file'] or 'this training'} taught with "
        f"{figures['logic']} logic, C = {figures['strength']:g}, {figures['teacher']}, on {count(samples, one, many)}"
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
