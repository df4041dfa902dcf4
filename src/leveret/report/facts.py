"""Facts that every job's page has: of the data, and settings as names with values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret._skew import skew_of
from leveret.report.blocks import Block, Facts, Table

__all__ = ["came_up", "data_blocks", "decisions", "flat", "made_with"]

_MOST_SKIPPED = 50


def data_blocks(data: Mapping[str, Any]) -> list[Block]:
    """What was loaded, from `Data.as_dict()` without paths of the machine; what was skipped; samples of each class."""
    parts = data["samples"]
    counts = data["class_counts"]["train"]
    skipped = data["skipped"]
    items = [
        _what(data),
        ("training, validation, test", f"{parts['train']:,}, {parts['val']:,}, {parts['test']:,}"),
        ("classes", f"{len(data['classes']):,}, of {_range(counts)} training samples"),
        ("samples found", f"{data['found']:,}"),
        ("skipped", f"{len(skipped):,}" if skipped else "none"),
    ]
    skew = skew_of(counts)
    if skew is not None and skew.skewed:
        rarest, most = (data["classes"][c] for c in (skew.least, skew.most))
        items.append(("skewed", f"{rarest} is {skew.in_words} of {most}: accuracy alone misleads"))
    blocks: list[Block] = [Facts("Data", tuple(items)), *decisions(data)]
    names = tuple(
        (name, *(f"{part[i]:,}" for part in data["class_counts"].values())) for i, name in enumerate(data["classes"])
    )
    blocks.append(Table("Samples of each class", ("class", *data["class_counts"]), names, scroll=len(names) > 16))
    return blocks


def decisions(data: Mapping[str, Any]) -> list[Block]:
    """What was decided or may surprise, and what was skipped, where there is any."""
    blocks: list[Block] = []
    skipped = data["skipped"]
    notes = [("warning", text) for text in data["warnings"]] + [("note", text) for text in data["notes"]]
    if notes:
        blocks.append(Facts("Decisions and warnings", tuple(notes), folded=True))
    if skipped:
        rows = tuple((str(s["where"]), str(s["reason"])) for s in skipped[:_MOST_SKIPPED])
        more = f", the first {_MOST_SKIPPED} of {len(skipped):,}" if len(skipped) > _MOST_SKIPPED else ""
        blocks.append(Table(f"Skipped samples{more}", ("sample", "reason"), rows, text=(1,), scroll=len(rows) > 10))
    return blocks


def _what(data: Mapping[str, Any]) -> tuple[str, str]:
    kind = data.get("kind", "image")
    if kind == "text":
        return "texts", "as they stand in the source"
    if kind == "table":
        names = list(data["features"])
        return "rows", f"of {len(names)} features: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
    channels, height, width = data["image_shape"]
    colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    return "images", f"{colour}, {height} x {width} pixels"


def _range(counts: Sequence[int]) -> str:
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as names with values, for `Facts`."""
    found = []
    for key, value in values.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            found += flat(value, f"{name}: ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            found.append((name, {"True": "yes", "False": "no"}.get(text, text)))
    return found


def came_up(result: Mapping[str, Any]) -> list[Block]:
    """What a training has to say of itself: its warnings, and whether it diverged; nothing where all went well."""
    notes = tuple(("note", note) for note in result["notes"])
    if result["diverged"]:
        notes += (("note", "the loss or a weight became infinite or NaN; the best epoch before counts"),)
    return [Facts("What came up", notes)] if notes else []


def made_with(metrics: Mapping[str, Any]) -> list[Block]:
    """The recipe and the machine, folded."""
    return [
        Facts("Recipe", tuple(flat(metrics["recipe"])), folded=True),
        Facts("Measured on", tuple(metrics["environment"].items()), folded=True),
    ]
