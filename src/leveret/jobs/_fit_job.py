"""What the trainings of one net have in common, whatever its labels are of: folder, result, and how a run goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._disk import disk_errors
from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.jobs._folder import JobFolder
from leveret.jobs._resumable import ResumableJob

__all__ = ["FitFolder", "FitJob", "FitJobResult", "checked_folder"]


class FitFolder(JobFolder):
    """Paths of a training."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.net = path / "net"
        self.model = path / "model.lvr"


@dataclass(frozen=True)
class FitJobResult:
    """What `leveret fit` left.

    Attributes:
        out: the folder with `report.html`, `metrics.json`, `config.json`, `model.lvr` where the net packs, and in
            `net/` its weights, its logits of the validation and the test part, and the history.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def model(self) -> Path | None:
        """The packed model; None where the net doesn't pack."""
        path = self.out / "model.lvr"
        return path if path.exists() else None


def checked_folder(out: Any, resume: bool, threads: int | None) -> FitFolder:
    """The folder of a run.

    Raises:
        LeveretUsageError: it is in use, or there is nothing to go on with; or `threads` is below 1.
    """
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    folder = FitFolder(Path(out))
    folder.check(resume)
    return folder


class FitJob(ResumableJob):
    """One training, stage after stage.

    Attributes:
        seed: of everything random.
        threads: of torch, as asked.
    """

    folder: FitFolder

    def __init__(self, folder: FitFolder, seed: int, threads: int | None, progress: bool, again: str) -> None:
        super().__init__(folder, progress, again)
        self.seed = seed
        self.threads = threads

    def finished(self) -> FitJobResult | None:
        """What an earlier run left that was finished; None where there is still something to do."""
        if not self.folder.finished:
            return None
        self.say(f"{self.folder.path} is finished already")
        return FitJobResult(self.folder.path, json.loads(self.folder.metrics.read_text(encoding="utf-8")))

    def trained(self, trial: Any, *shared: Any) -> dict[str, Any]:
        """The result of a trial, which is run where it isn't finished.

        Raises:
            LeveretTrainingError: it failed; says why.
        """
        result = trial.finished()
        if result is None:
            with disk_errors(self.folder.path):
                result = trial.run(*shared)
            if result["status"] != "ok":
                raise LeveretTrainingError(f"training failed: {result['why']}")
        self.kept.append("the net")
        return result
