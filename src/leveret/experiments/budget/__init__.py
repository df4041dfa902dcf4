"""A lifetime's images, and how near the planner comes to what trainings really cost.

    leveret reproduce budget [--part planner] [--data FOLDER] [-o docs/results]

FOLDER holds `mnist.npz`, `cifar10-train.parquet` and `sst2-*.parquet`; without it the nets are trained on the embedded
digits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results
from leveret.experiments.budget._page import page

__all__ = ["PARTS", "render", "run"]

PARTS = ("lifetime", "planner")

_NAME = "budget"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`. `seeds` has no meaning here."""
    for part in parts:
        results = Results(out / f"{_NAME}.json")
        figures: dict[str, Any]
        if part == "lifetime":
            from leveret.budget import ASSUMPTIONS, lifetime

            found = lifetime()
            figures = {"lifetime_images": found.images}
            details: dict[str, Any] = found.as_dict()
            details["assumptions"] = [
                {
                    "title": each.title,
                    "value": str(each.value),
                    "low": str(each.low),
                    "high": str(each.high),
                    "why": each.why,
                    "images": [lifetime(**{name: end}).images for end in each.range],
                }
                for name, each in ASSUMPTIONS.items()
            ]
        else:
            from leveret.experiments.budget._planner import FULL, QUICK, planner

            figures, details = planner(data, QUICK if quick else FULL)
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}", **details})
        render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page."""
    write_text(out / f"{_NAME}.md", page(values))
