"""ParseNet: what context is worth to small nets on street scenes, and whether batch norm makes its norm needless.

    leveret reproduce parsenet --data FOLDER [--part camvid] [--seeds 3] [-o docs/results]

FOLDER holds `camvid-{train,val,test}.parquet`. The other parts take nets that the part camvid trained: crf searches a
dense CRF behind the best one, reach asks whether context gains more where layers see less, speed times the nets, packed
makes small ones of them. Trainings stay under `OUT/runs/parsenet`: what was finished is only read, and what was stopped
goes on; the page is written after each seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results

__all__ = ["PARTS", "render", "run"]

PARTS = ("camvid", "crf", "reach", "speed", "packed")

_NAME = "parsenet"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    from leveret.experiments.parsenet._run import Run
    from leveret.experiments.parsenet._settings import CAMVID, QUICK

    made = Run(QUICK if quick else CAMVID, data, out, Results(out / f"{_NAME}.json"))
    work = {
        "camvid": lambda: made.camvid(seeds),
        "crf": made.crf,
        "reach": lambda: made.reach(seeds),
        "speed": made.speed,
        "packed": made.packed,
    }
    for part in parts:
        work[part]()
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and the picture that is of figures; those of masks are drawn by their parts."""
    from leveret.experiments.parsenet._page import page
    from leveret.experiments.parsenet._plot import plot

    plot(values, out)
    write_text(out / f"{_NAME}.md", page(values))
