"""The house itself: how much of it the tests run, how long a fresh clone takes, what the plain install weighs.

    make house                                       # measures, into build/house, then records it as below
    python -m leveret.experiments.house build/house [--part coverage] [-o docs/results]

No paper's experiment, so `leveret reproduce` doesn't list it, and nothing is measured here: `build/house` holds what
other tools wrote, `coverage.json` (coverage.py's), `times.json` (`tests/dist/fresh_clone.py`) and `install.json`
(`tests/dist/check_dist.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leveret._files import write_text
from leveret.experiments._results import Results
from leveret.experiments.house._page import page
from leveret.experiments.house._read import READERS

__all__ = ["PARTS", "record"]

PARTS = tuple(READERS)

_NAME = "house"


def record(measured: str | Path, out: str | Path = "docs/results", parts: Sequence[str] = PARTS) -> Path:
    """Record what was measured in `out/house.json` and render the page `out/house.md`, whose path is given.

    Args:
        measured: the folder of the measured files.
        out: folder of the results.
        parts: of `PARTS`; the others' results are kept as they stand.

    Raises:
        LeveretDataError: a part wasn't measured, or its file isn't what its tool writes. Nothing is recorded then.
    """
    folder = Path(out)
    found = {part: READERS[part](Path(measured)) for part in parts}
    for part, (figures, details) in found.items():
        Results(folder / f"{_NAME}.json").record(part, figures, {"command": "make house", **details})
    write_text(folder / f"{_NAME}.md", page(Results(folder / f"{_NAME}.json").values))
    return folder / f"{_NAME}.md"
