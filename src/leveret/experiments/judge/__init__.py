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

__all__ = ["PARTS", "run"]

PARTS = ("null", "power", "uses", "peers")

_NAME = "judge"
_COMMAND = f"leveret reproduce {_NAME}"


def run(parts: list[str], seeds: int | None, data: Path | None, out: Path) -> Path:
    """Run the parts and render the page; see `leveret.experiments.run`. `seeds`: repetitions of null and power."""
    for part in parts:
        results = Results(out / f"{_NAME}.json")
        figures: dict[str, Any]
        if part == "null":
            from leveret.experiments.judge._null import null

            figures, found = null(seeds)
        elif part == "power":
            from leveret.experiments.judge._power import power

            figures, found = power(seeds)
        elif part == "uses":
            from leveret.experiments.judge._uses import uses

            figures, found = uses(data)
        else:
            from leveret.experiments.judge._peers import peers

            figures, found = peers()
        repeated = f" --seeds {seeds}" if seeds is not None and part in ("null", "power") else ""
        results.record(part, figures, {"command": f"{_COMMAND} --part {part}{repeated}", **found})
        plots(results.values, out)
        write_text(out / f"{_NAME}.md", page(results.values))
    return out / f"{_NAME}.md"
