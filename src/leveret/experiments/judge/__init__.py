"""A machine as the observer of a Turing test: false alarms, power, uses, and other libraries' tests beside ours.

    leveret reproduce judge [--part null] [--data FOLDER] [-o docs/results]

FOLDER holds `sst2-{train,dev,test}.parquet`, which the part uses takes texts from; without it that use is left out. The
part peers compares with alibi-detect where that is installed, and with scipy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret._files import write_text
from leveret.experiments._results import Results
from leveret.experiments.judge._page import page
from leveret.experiments.judge._plot import plots
from leveret.experiments.judge._settings import FULL, QUICK

__all__ = ["PARTS", "render", "run"]

PARTS = ("null", "power", "uses", "peers")

_NAME = "judge"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path, quick: bool = False) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`. `seeds`: repetitions of null and power."""
    setting = QUICK if quick else FULL
    for part in parts:
        results = Results(out / f"{_NAME}.json")
        figures: dict[str, Any]
        if part == "null":
            from leveret.experiments.judge._null import null

            figures, found = null(seeds, setting)
        elif part == "power":
            from leveret.experiments.judge._power import power

            figures, found = power(seeds, setting)
        elif part == "uses":
            from leveret.experiments.judge._uses import uses

            figures, found = uses(data, setting)
        else:
            from leveret.experiments.judge._peers import peers

            figures, found = peers(setting)
        repeated = f" --seeds {seeds}" if seeds is not None and part in ("null", "power") else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        render(results.values, out)
    return out / f"{_NAME}.md"


def render(values: dict[str, Any], out: Path) -> None:
    """Draw the page and its picture."""
    plots(values, out)
    write_text(out / f"{_NAME}.md", page(values))
