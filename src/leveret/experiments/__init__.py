"""Experiments: each runs a paper's, or our own, measurements again and writes a page of results.

`EXPERIMENTS` lists them, `run` runs one and `sweep` many, in full or quickly on embedded data; `render` draws the pages
anew from their figures. Every folder of results has an `index.md` over all its pages.
"""

from __future__ import annotations

from leveret.experiments._registry import EXPERIMENTS
from leveret.experiments._running import Outcome, render, run, sweep

__all__ = ["EXPERIMENTS", "Outcome", "render", "run", "sweep"]
