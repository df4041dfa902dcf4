"""Rules as teachers: Hu et al.'s experiments, more seeds, and projection at test apart from what the net learned.

    leveret reproduce logic-rules --data FOLDER [--part images] [--seeds 5] [-o docs/results]

FOLDER holds `fashion_mnist.npz`. Each part is a file of its own, whose `measure` gives figures and details, with its
part of the page beside it. Trainings stay under `OUT/runs/logic-rules`: what was finished is only read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results

__all__ = ["PARTS", "run"]

PARTS = ("exact", "images")

_NAME = "logic-rules"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    from leveret.experiments.logic_rules import _exact, _images
    from leveret.experiments.logic_rules._page import page

    measures: dict[str, Any] = {"exact": _exact.measure, "images": _images.measure}
    for part in parts:
        results = Results(out / f"{_NAME}.json")
        figures, found = measures[part](seeds, data, out / "runs" / _NAME / part)
        repeated = f" --seeds {found['seeds']}" if "seeds" in found else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        write_text(out / f"{_NAME}.md", page(results.values))
    return out / f"{_NAME}.md"
