"""The comparison's report: every method's packed net beside the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.report.blocks import Block, Facts, Figure, Page, Paragraph, Section, Table, Tile
from leveret.report.contender import NOISY
from leveret.report.facts import data_blocks, flat, made_with
from leveret.report.seen import seen_by_all
from leveret.report.tradeoff import Point, tradeoff
from leveret.report.words import count, duration, factor, points, share, size, times

__all__ = ["compare_page", "marks"]

_Row = Mapping[str, Any]
_FAMILIES = ("real", "pruning", "sharing", "quantisation", "binary", "compact", "ensemble")


def compare_page(data: Mapping[str, Any], metrics: Mapping[str, Any]) -> Page:
    """The page, ready to render.

    Args:
        data: `Data.as_dict()`, without paths of the machine.
        metrics: the content of `metrics.json`.
    """
    rows: list[_Row] = list(metrics["methods"])
    ok = [row for row in rows if row["status"] == "ok"]
    sections = [
        Section("Methods", tuple(_table(rows, metrics)), "Every figure is of the packed model in its file."),
        Section("Accuracy against size and time", tuple(_plots(ok))),
        Section("Left out, or failed", tuple(_without(rows))),
        Section("What came up", tuple(_notes(rows))),
        Section("What each method does", tuple(_explained(rows))),
        Section("Data", tuple(data_blocks(data))),
        Section("How it was made", tuple(_made(metrics, data))),
    ]
    return Page(
        title=f"Ways to make a net small, on {metrics['data']['name']}",
        lead=_lead(rows, ok, metrics),
        tiles=tuple(_tiles(ok)),
        sections=tuple(section for section in sections if section.blocks),
        footer=f"Made by Leveret {metrics['environment'].get('leveret', '')}".strip(),
    )


def marks(row: _Row) -> str:
    """What is to be known of a row at a glance: "diverged", "3 layers left", or nothing."""
    if row["status"] != "ok":
        return {"unfit": "doesn't fit", "failed": "failed"}[row["status"]]
    found = ["diverged: best epoch"] if row["diverged"] else []
    found += ["layers left real" for note in row["notes"] if note.startswith("left as ")][:1]
    found += ["differs from PyTorch" for note in row["notes"] if "than PyTorch" in note]
    return ", ".join(found)


def _lead(rows: Sequence[_Row], ok: Sequence[_Row], metrics: Mapping[str, Any]) -> str:
    recipe = metrics["recipe"]
    trained = f"was trained for {count(recipe['epochs'], 'epoch', 'epochs')}" if recipe["epochs"] else "was given"
    text = (
        f"One net with {recipe['parameters']:,} weights {trained}; {count(len(rows) - 1, 'method', 'methods')} made it "
        f"small, each with a budget of {count(recipe['tune_epochs'], 'epoch', 'epochs')} to tune it."
    )
    if ok and ok[0]["key"] == "real":
        text += (
            f" The real net is right for {share(ok[0]['accuracy'])} of "
            f"{count(ok[0]['samples'], 'test image', 'test images')}."
        )
    return text


def _tiles(ok: Sequence[_Row]) -> list[Tile]:
    if len(ok) < 2 or ok[0]["key"] != "real":
        return []
    real, *others = ok
    # within the real net's interval nobody can tell the two apart
    equal = [row for row in others if row["accuracy"] >= real["interval"][0]]
    best = max(others, key=lambda row: row["accuracy"])
    tiles = [Tile(share(best["accuracy"]), "most accurate", f"{best['title']}; {_change(best, real)}")]
    if equal:
        small = min(equal, key=lambda row: row["bytes"])
        fast = min(equal, key=lambda row: row["ms_per_image"])
        smaller = factor(real["bytes"] / small["bytes"], "smaller", "larger")
        faster = factor(real["ms_per_image"] / fast["ms_per_image"], "faster", "slower")
        said = "smallest within the real net's interval"
        tiles.append(Tile(smaller, said, f"{small['title']}, {size(small['bytes'])}; {_change(small, real)}", "good"))
        said = "fastest within the real net's interval"
        time = f"{fast['ms_per_image']:.3g} ms an image"
        tiles.append(Tile(faster, said, f"{fast['title']}, {time}; {_change(fast, real)}", "good"))
    return tiles


def _change(row: _Row, real: _Row) -> str:
    return f"{points(row['accuracy'] - real['accuracy'])} against the real net"


def _table(rows: Sequence[_Row], metrics: Mapping[str, Any]) -> list[Block]:
    ok = [row for row in rows if row["status"] == "ok"]
    batch = ok[0]["batch"] if ok else 0
    real = next((row for row in ok if row["key"] == "real"), None)
    columns = (
        "method",
        "accuracy, %",
        "95 % interval",
        "size",
        "smaller",
        "ms/image",
        f"images/s, by {batch}",
        "as PyTorch",
        "epochs",
    )
    noted = any(marks(row) for row in ok)
    table = Table(
        "The real net first, then the most accurate",
        (*columns, "notes") if noted else columns,
        tuple((*_cells(row, real), marks(row)) if noted else _cells(row, real) for row in ok),
        strong=0 if real is not None else None,
        text=(len(columns),),
        wide=True,
    )
    words = (
        "Times are those of one thread, from pixels to logits, taken in turns after all trainings. “As PyTorch”: the "
        "share of test images for which the packed model names the same class as the net in PyTorch. Epochs are those "
        "spent by the method, after the real net's own."
    )
    if metrics["timing_noise"] > NOISY:
        words += (
            f" The machine was busy meanwhile: the median turn took {times(metrics['timing_noise'])} the time of the "
            "fastest, so the fastest turn of each model was taken instead of the median."
        )
    if ok and ok[0]["samples"] < 1000:
        words += f" With {ok[0]['samples']:,} test images the intervals are wide; small differences may be chance."
    return [table, Paragraph(words)]


def _cells(row: _Row, real: _Row | None) -> tuple[str, ...]:
    low, high = row["interval"]
    return (
        row["title"],
        f"{100 * row['accuracy']:.2f}",
        f"{100 * low:.1f} – {100 * high:.1f}",
        size(row["bytes"]),
        times(real["bytes"] / row["bytes"]) if real else "–",
        f"{row['ms_per_image']:.3g}",
        f"{row['images_per_second']:,.0f}",
        share(row["agreement"]),
        str(row["epochs"]),
    )


def _plots(ok: Sequence[_Row]) -> list[Figure]:
    if not ok:
        return []

    def plot(key: str, name: str, cost: str, scale: float, words: Any) -> Figure:
        shown = [Point(row["key"], row[key] * scale, row["accuracy"], row["key"] == "real") for row in ok]
        return tradeoff(shown, ok[0]["samples"], name, cost, words)

    return [
        plot("bytes", "size", "size of the file in kB", 1e-3, lambda kb: size(1000 * kb)),
        plot("ms_per_image", "latency", "time of one image in ms", 1, lambda ms: f"{ms:.3g} ms"),
    ]


def _without(rows: Sequence[_Row]) -> list[Block]:
    found = tuple((row["title"], marks(row), row["why"]) for row in rows if row["status"] != "ok")
    return [Table("Methods without a result", ("method", "state", "why"), found, text=(1, 2))] if found else []


def _notes(rows: Sequence[_Row]) -> list[Block]:
    found = [(row["title"], note) for row in rows for note in row["notes"]]
    found += [
        (
            row["title"],
            "fine-tuning diverged: the loss or a weight became infinite or NaN; the best epoch before counts",
        )
        for row in rows
        if row.get("diverged")
    ]
    return [Table("Notes on single methods", ("method", "note"), tuple(found), text=(1,))] if found else []


def _explained(rows: Sequence[_Row]) -> list[Block]:
    order = sorted(rows, key=lambda row: _FAMILIES.index(row["family"]))
    cells = tuple((f"{row['title']} ({row['key']})", row["what"], _options(row), row["paper"]) for row in order)
    return [Table("By family", ("method", "what it does", "set to", "source"), cells, text=(1, 2, 3), cards=True)]


def _options(row: _Row) -> str:
    shown = {key: value for key, value in row["options"].items() if value is not None}
    return ", ".join(f"{name} {value}" for name, value in flat(shown)) or "–"


def _made(metrics: Mapping[str, Any], data: Mapping[str, Any]) -> list[Block]:
    taken = sum(row["seconds"] for row in metrics["methods"])
    times_of = (
        ("training the real net", duration(metrics["training"]["seconds"])),
        ("all methods, one after the other", duration(taken)),
    )
    runs = [row.get("history", []) for row in metrics["methods"] if row["status"] == "ok"] + [
        metrics["training"]["history"]
    ]
    return [
        Facts("Time", times_of),
        Facts("Images seen", (("by all nets", seen_by_all(runs, data["samples"]["train"])),)),
        *made_with(metrics),
    ]
