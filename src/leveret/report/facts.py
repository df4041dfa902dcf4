"""Facts that every job's page has: of the data, and settings as names with values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.report.blocks import Block, Facts, Table

__all__ = ["data_blocks", "flat"]

_MOST_SKIPPED = 50


def data_blocks(data: Mapping[str, Any]) -> list[Block]:
    """What was loaded, from `Data.as_dict()` without paths of the machine; what was skipped; images of each class."""
    channels, height, width = data["image_shape"]
    parts = data["samples"]
    colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    counts = data["class_counts"]["train"]
    skipped = data["skipped"]
    items = [
        ("images", f"{colour}, {height} x {width} pixels"),
        ("training, validation, test", f"{parts['train']:,}, {parts['val']:,}, {parts['test']:,}"),
        ("classes", f"{len(data['classes']):,}, of {_range(counts)} training images"),
        ("samples found", f"{data['found']:,}"),
        ("skipped", f"{len(skipped):,}" if skipped else "none"),
    ]
    blocks: list[Block] = [Facts("Data", tuple(items))]
    notes = [("warning", text) for text in data["warnings"]] + [("note", text) for text in data["notes"]]
    if notes:
        blocks.append(Facts("Decisions and warnings", tuple(notes), folded=True))
    if skipped:
        rows = tuple((str(s["where"]), str(s["reason"])) for s in skipped[:_MOST_SKIPPED])
        more = f", the first {_MOST_SKIPPED} of {len(skipped):,}" if len(skipped) > _MOST_SKIPPED else ""
        blocks.append(Table(f"Skipped samples{more}", ("sample", "reason"), rows, text=(1,), scroll=len(rows) > 10))
    names = tuple(
        (name, *(f"{part[i]:,}" for part in data["class_counts"].values())) for i, name in enumerate(data["classes"])
    )
    blocks.append(Table("Images of each class", ("class", *data["class_counts"]), names, scroll=len(names) > 16))
    return blocks


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
