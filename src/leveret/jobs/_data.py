"""A job's data in words: for `config.json`, and for a page that others may see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["described_data", "public_data"]


def described_data(data: Any) -> dict[str, Any]:
    """What a resumed run must have in common; the source may have moved."""
    return {
        "classes": list(data.classes),
        "image_shape": list(data.image_shape),
        "samples": {name: len(split) for name, split in data.splits.items()},
        # sums over many pixels may differ in their last digits from one machine to the next
        "mean": [round(value, 5) for value in data.normalization.mean],
        "std": [round(value, 5) for value in data.normalization.std],
    }


def public_data(data: Any) -> dict[str, Any]:
    """The data's summary for the page, with file names in place of the machine's paths."""
    found = data.as_dict()
    folder = str(Path(data.source).absolute()) + os.sep

    def short(text: str) -> str:
        for prefix in (folder, str(data.source).rstrip(os.sep) + os.sep):
            text = text.replace(prefix, "")
        return text.replace(folder.rstrip(os.sep), data.name).replace(str(data.source), data.name)

    found["source"] = data.name
    found["skipped"] = [{"where": short(s["where"]), "reason": short(s["reason"])} for s in found["skipped"]]
    for key in ("notes", "warnings"):
        found[key] = [short(text) for text in found[key]]
    return found
