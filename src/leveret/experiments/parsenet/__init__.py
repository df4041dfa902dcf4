"""ParseNet: what context is worth to small nets on street scenes, and whether batch norm makes its norm needless.

    leveret reproduce parsenet --data FOLDER [--part camvid] [--seeds 3] [-o docs/results]

FOLDER holds `camvid-{train,val,test}.parquet`. The other parts take nets that the part camvid trained: crf searches a
dense CRF behind the best one, speed times them, packed makes small ones of them. Trainings stay under
`OUT/runs/parsenet`: what was finished is only read, and what was stopped goes on; the page is written after each seed.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results

__all__ = ["PARTS", "run"]

PARTS = ("camvid",)

_NAME = "parsenet"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    results = Results(out / f"{_NAME}.json")
    runs = out / "runs" / _NAME
    work = {"camvid": partial(_camvid, seeds)}
    for part in parts:
        work[part](results, data, runs)
    return out / f"{_NAME}.md"


def _camvid(seeds: int | None, results: Results, data: Path | None, runs: Path) -> None:
    from leveret.experiments.parsenet._models import MODELS
    from leveret.experiments.parsenet._rows import figures, row, train_all
    from leveret.experiments.parsenet._settings import CAMVID

    loaded = cache(lambda: CAMVID.data(data))
    for found in train_all(CAMVID, loaded, seeds or CAMVID.seeds, runs):
        rows = [row(key, MODELS[key], trained) for key, trained in found.items()]
        details = {
            "title": CAMVID.title,
            "seeds": rows[0]["seeds"],
            "epochs": CAMVID.epochs,
            "batch_size": CAMVID.batch_size,
            "classes": list(loaded().classes),
            "images": [len(split) for split in loaded().splits.values()],
        }
        _record(results, "camvid", {**figures(rows), "rows": rows}, details)


def _record(results: Results, part: str, figures: dict[str, Any], details: dict[str, Any]) -> None:
    from leveret.experiments.parsenet._page import page

    repeated = f" --seeds {details['seeds']}" if "seeds" in details else ""
    results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **details})
    write_text(results.path.with_suffix(".md"), page(results.values))
