"""Rules as teachers: Hu et al.'s experiments, more seeds, and projection at test apart from what the net learned.

    leveret reproduce logic-rules --data FOLDER [--part images] [--seeds 5] [-o docs/results]

FOLDER holds `fashion_mnist.npz`, `sst2-{train,dev,test}.parquet`, `wnut17-{train,dev,test}.parquet` and
`glove100_subset.npz`. Each part is a file of its own, whose `measure` gives figures and details, with its part of the
page beside it; a long one gives them after every seed, so that it may be stopped at any time. Trainings stay under
`OUT/runs/logic-rules`: what was finished is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results

__all__ = ["PARTS", "render", "run"]

PARTS = ("exact", "sst2", "wnut", "images")

_NAME = "logic-rules"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`."""
    from leveret.experiments.logic_rules import _exact, _images, _sst2, _wnut
    from leveret.experiments.logic_rules._quick import QUICK

    modules: dict[str, Any] = {"exact": _exact, "sst2": _sst2, "wnut": _wnut, "images": _images}
    for part in parts:
        given = (QUICK[part],) if quick else ()
        found = modules[part].measure(seeds, data, out / "runs" / _NAME / part, *given)
        for figures, details in [found] if isinstance(found, tuple) else found:
            repeated = f" --seeds {details['seeds']}" if "seeds" in details else ""
            results = Results(out / f"{_NAME}.json")
            results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **details})
            render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page."""
    from leveret.experiments.logic_rules._page import page

    write_text(out / f"{_NAME}.md", page(values))
