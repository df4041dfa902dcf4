"""The report of a comparison of balance methods: one table, what each method finds of the rare classes, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.metrics import Evaluation
from leveret.report.blocks import Block, Facts, Page, Paragraph, Section, Table, Tile
from leveret.report.confusion import confusion_blocks
from leveret.report.curves import learning_curves
from leveret.report.facts import data_blocks, flat, made_with
from leveret.report.figure_names import COLUMNS, HEADLINES, in_words
from leveret.report.seen import seen_in_words
from leveret.report.side_by_side import operating_curves, recall_bars
from leveret.report.skew_bars import reliability_figure
from leveret.report.words import count, duration, points, share

__all__ = ["balance_page", "marks"]

_Row = Mapping[str, Any]
_FAMILIES = ("plain", "sampling", "data", "loss", "prior", "ensemble")
_DRAWN = 4  # methods whose curves are drawn, besides plain training


def balance_page(data: Mapping[str, Any], metrics: Mapping[str, Any], evaluations: Mapping[str, Evaluation]) -> Page:
    """The page, ready to render.

    Args:
        data: `Data.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
        evaluations: on the test part, of each method that has a result.
    """
    rows = metrics["methods"]
    ok = [row for row in rows if row["status"] == "ok"]
    best = max(ok, key=lambda row: row["figures"][metrics["headline"]])
    sections = [
        Section("Methods", tuple(_table(ok, metrics)), "Test part; the same budget of samples seen for all."),
        Section("Rare and frequent classes", tuple(_curves(ok, metrics, evaluations))),
        Section("Left out, or failed", tuple(_without(rows))),
        Section("What came up", tuple(_notes(rows))),
        Section("What each method does", (_explained(rows),)),
        Section(
            "Mistakes",
            tuple(confusion_blocks(evaluations[best["key"]])),
            f"Of the best by {HEADLINES[metrics['headline']]}: {best['title']}.",
        ),
        Section("Learning", tuple(_learning(ok, best))),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics, ok))),
    ]
    return Page(
        title=f"Learning when a class is rare, on {metrics['data']['name']}",
        lead=_lead(ok, best, metrics),
        tiles=tuple(_tiles(ok, best, metrics)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def marks(row: _Row) -> str:
    """What is to be known of a row at a glance."""
    if row["status"] != "ok":
        return "failed"
    found = ["diverged: best epoch"] if row["diverged"] else []
    found += ["not packed" for note in row["notes"] if note.startswith("not packed")]
    return ", ".join(found)


def _lead(ok: Sequence[_Row], best: _Row, metrics: Mapping[str, Any]) -> str:
    counts, headline = metrics["data"]["train_counts"], metrics["headline"]
    plain = ok[0]["figures"]
    return (
        f"One net, {count(len(ok), 'way', 'ways')} to train it on classes of {min(counts):,} to {max(counts):,} "
        f"samples. A majority vote would be right for {share(plain['majority_accuracy'])} of the test samples without "
        f"having learned anything, so {HEADLINES[headline]} ranks the methods: plain training has "
        f"{in_words(headline, plain[headline])}, the best, {best['title']}, "
        f"{in_words(headline, best['figures'][headline])}. "
        f"By its counts this data would get “{metrics['auto']['key']}” from auto."
    )


def _tiles(ok: Sequence[_Row], best: _Row, metrics: Mapping[str, Any]) -> list[Tile]:
    headline = metrics["headline"]
    plain, found = ok[0]["figures"], best["figures"]
    tiles = [
        Tile(in_words(headline, found[headline]), HEADLINES[headline], f"{best['title']}, the best"),
        Tile(in_words(headline, plain[headline]), "plain training", f"{share(plain['accuracy'])} accuracy"),
    ]
    fair = max(ok, key=lambda row: row["figures"]["balanced_accuracy"])
    gained = fair["figures"]["balanced_accuracy"] - plain["balanced_accuracy"]
    if headline != "balanced_accuracy":
        detail = f"{fair['title']}; {points(gained)} against plain training"
        tiles.append(Tile(share(fair["figures"]["balanced_accuracy"]), "best balanced accuracy", detail))
    else:
        tiles.append(Tile(points(gained), "against plain training", "of balanced accuracy"))
    return tiles


def _table(ok: Sequence[_Row], metrics: Mapping[str, Any]) -> list[Block]:
    columns = [column for column in COLUMNS if column.key in ok[0]["figures"]]
    noted = any(marks(row) for row in ok)
    header = ("method", *(column.title for column in columns), "samples seen", "time")
    rows = []
    for row in ok:
        cells = [column.form(row["figures"][column.key]) for column in columns]
        line = (row["title"], *cells, f"{row['samples_seen']:,}", duration(row["seconds"]))
        rows.append((*line, marks(row)) if noted else line)
    table = Table(
        "Plain training first, then the best",
        (*header, "notes") if noted else header,
        tuple(rows),
        strong=0,
        text=(len(header),) if noted else (),
        wide=True,
    )
    said = "; ".join(f"{column.title}: {column.what}" for column in columns)
    words = f"{said}. Methods that begin with the plain net have its training besides their own."
    if metrics["data"]["test_samples"] < 1000:
        words += f" With {metrics['data']['test_samples']:,} test samples small differences may be chance."
    return [table, Paragraph(words)]


def _curves(ok: Sequence[_Row], metrics: Mapping[str, Any], evaluations: Mapping[str, Evaluation]) -> list[Block]:
    shown = ok[: _DRAWN + 1]
    counts = metrics["data"]["train_counts"]
    if metrics["data"]["classes"] == 2:
        return list(operating_curves({row["title"]: evaluations[row["key"]] for row in shown}, counts))
    bars = recall_bars({row["title"]: evaluations[row["key"]] for row in shown[:2]}, counts)
    return [bars, reliability_figure(evaluations[shown[min(1, len(shown) - 1)]["key"]])]


def _without(rows: Sequence[_Row]) -> list[Block]:
    found = tuple((row["title"], marks(row), row["why"]) for row in rows if row["status"] != "ok")
    return [Table("Methods without a result", ("method", "state", "why"), found, text=(1, 2))] if found else []


def _notes(rows: Sequence[_Row]) -> list[Block]:
    found = [(row["title"], note) for row in rows for note in row["notes"]]
    return [Table("Notes on single methods", ("method", "note"), tuple(found), text=(1,))] if found else []


def _explained(rows: Sequence[_Row]) -> Block:
    order = sorted(rows, key=lambda row: _FAMILIES.index(row["family"]))
    cells = tuple((f"{row['title']} ({row['key']})", row["what"], _options(row), row["paper"]) for row in order)
    return Table("By family", ("method", "what it does", "set to", "source"), cells, text=(1, 2, 3), cards=True)


def _options(row: _Row) -> str:
    shown = {key: value for key, value in row["options"].items() if value is not None}
    return ", ".join(f"{name} {value}" for name, value in flat(shown)) or "–"


def _learning(ok: Sequence[_Row], best: _Row) -> list[Block]:
    runs = {"plain training": ok[0]["history"]}
    if best["key"] != "plain" and best["history"]:
        runs[best["title"]] = best["history"]
    return list(learning_curves(runs, by="samples"))


def _made(metrics: Mapping[str, Any], ok: Sequence[_Row]) -> list[Block]:
    taken = sum(row["seconds"] for row in metrics["methods"])
    samples, histories = sum(row["samples_seen"] for row in ok), [row["history"] for row in ok]
    total = sum(metrics["data"]["train_counts"])
    return [
        Facts("Time", (("all methods, one after the other", duration(taken)),)),
        Facts("Samples seen", (("by all methods", seen_in_words(samples, histories, total)),)),
        *made_with(metrics),
    ]
