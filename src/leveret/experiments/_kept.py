"""Which parts were finished in a folder, so that a run of many that was stopped goes on.

A file `OUT/runs/finished/NAME-PART.json` for each part: whether it is whole, with how many seeds, and the seconds that
were spent on it; of a part that was stopped, those so far. `OUT/runs/quick.json` says whether the folder is one of
quick runs, from the first of them on, so that what a stopped one trained is never taken for more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._files import write_json

__all__ = ["Kept"]


@dataclass(frozen=True)
class Kept:
    """What a folder of results holds.

    Attributes:
        out: the folder.
    """

    out: Path

    def whole(self, name: str, part: str, seeds: int | None) -> bool:
        """Whether a part was finished with these seeds, and its figures are there."""
        noted = self._noted(name, part)
        return noted.get("whole") is True and noted["seeds"] == seeds and part in self.results(name).get("parts", {})

    def earlier(self, name: str, part: str) -> float:
        """Seconds that were spent on a part that was then stopped."""
        noted = self._noted(name, part)
        return 0.0 if noted.get("whole", True) else float(noted["seconds"])

    def note(self, name: str, part: str, *, whole: bool, seeds: int | None, seconds: float) -> None:
        """That a part was finished, or stopped."""
        write_json(self._path(name, part), {"whole": whole, "seeds": seeds, "seconds": round(seconds, 1)})

    def quick(self) -> bool | None:
        """Whether the folder is one of quick runs; None of a new one."""
        path = self.out / "runs" / "quick.json"
        if path.is_file():
            return bool(json.loads(path.read_text(encoding="utf-8")))
        # the overview is written where nothing was run, too
        files = [path for path in sorted(self.out.glob("*.json")) if path.is_file() and path.name != "index.json"]
        kinds = [json.loads(path.read_text(encoding="utf-8")).get("quick", False) for path in files]
        return None if not kinds else any(kinds)

    def note_quick(self, quick: bool) -> None:
        """Which kind of runs the folder is for."""
        write_json(self.out / "runs" / "quick.json", quick)

    def results(self, name: str) -> dict[str, Any]:
        """The content of an experiment's JSON file; empty where it wasn't run."""
        path = self.out / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def _noted(self, name: str, part: str) -> dict[str, Any]:
        path = self._path(name, part)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def _path(self, name: str, part: str) -> Path:
        return self.out / "runs" / "finished" / f"{name}-{part}.json"
