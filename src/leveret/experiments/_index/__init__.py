"""The overview of a folder of results: all experiments, papers' figures beside ours, and the reviews' questions.

It is rendered from the JSON files that stand in the folder, and from nothing else.
"""

from __future__ import annotations

from pathlib import Path

from leveret._files import write_text
from leveret.experiments._index._page import page
from leveret.experiments._kept import Kept
from leveret.experiments._registry import EXPERIMENTS

__all__ = ["page", "write_index"]


def write_index(out: Path) -> Path:
    """Write `OUT/index.md`; gives its path."""
    kept = Kept(out)
    path = out / "index.md"
    write_text(path, page({name: values for name in EXPERIMENTS if (values := kept.results(name))}))
    return path
