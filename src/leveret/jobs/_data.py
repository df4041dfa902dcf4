"""A job's data for a page that others may see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["public_data"]


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
