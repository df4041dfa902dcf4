"""The overview of a folder of results: all experiments, papers' figures beside ours, and the reviews' questions.

It is rendered from the JSON files of the experiments that stand in the folder, and from nothing else.
"""

from __future__ import annotations

from pathlib import Path

from leveret._files import write_json, write_text
from leveret.experiments._index._figures import figures
from leveret.experiments._index._page import page
from leveret.experiments._kept import Kept
from leveret.experiments._registry import EXPERIMENTS

__all__ = ["figures", "page", "write_index"]


def write_index(out: Path) -> Path:
    """Write the page `OUT/index.md`, whose path is given, and its figures for programs, `OUT/index.json`."""
    kept = Kept(out)
    results = {name: values for name in EXPERIMENTS if (values := kept.results(name))}
    write_json(out / "index.json", figures(results))
    path = out / "index.md"
    write_text(path, page(results))
    return path
