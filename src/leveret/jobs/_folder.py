"""The folder of a job: whose it is, what it holds, and whether a new call may go on with it.

`config.json` is written first and says what the run is; `report.html` is written last. Whatever stands between is a
stage's finished output, or a checkpoint from which the stage goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leveret._differences import named_differences
from leveret._files import write_json
from leveret.errors import LeveretUsageError

__all__ = ["JobFolder", "RunFolder"]


class JobFolder:
    """Paths of a run's outputs, as every job has them.

    Attributes:
        path: the folder.
    """

    outputs: tuple[str, ...] = ("metrics.json", "report.html")  # of a finished run

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.json"
        self.report = path / "report.html"

    @property
    def finished(self) -> bool:
        """Every output stands."""
        return all((self.path / name).exists() for name in self.outputs)

    def check(self, resume: bool) -> None:
        """Refuse a folder that a new run would overwrite, before any work is done.

        Raises:
            LeveretUsageError: it holds a run and `resume` is not set, or files of something else, or is no folder.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise LeveretUsageError(f"{self.path} is a file; the output must be a folder, new or empty")
        if self.config.exists():
            if not resume:
                state = "a finished run" if self.finished else "a run that was stopped"
                advice = "name another folder" if self.finished else "go on with it by --resume, or name another folder"
                raise LeveretUsageError(f"{self.path} holds {state} already; {advice}")
            return
        # a run killed at its very first write leaves a temporary file and no more
        others = sorted(p.name for p in self.path.iterdir() if not _is_leftover(p))
        if others:
            raise LeveretUsageError(
                f"{self.path} is not empty ({', '.join(others[:3])}{', …' if len(others) > 3 else ''}) "
                "and holds no run of Leveret; name a new or empty folder"
            )

    def begin(self, config: dict[str, Any]) -> None:
        """Write `config.json`, or make sure that the one there is of the same run.

        Raises:
            LeveretUsageError: it is of another run, naming what differs; or it can't be read.
        """
        plain = json.loads(json.dumps(config))
        if self.config.exists():
            try:
                then = json.loads(self.config.read_text(encoding="utf-8"))
                found = named_differences(then["run"], plain["run"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise LeveretUsageError(f"{self.config} is damaged ({error}); name another folder") from error
            if found:
                raise LeveretUsageError(
                    f"{self.path} holds another run than this: {found}. "
                    "Resume with the same data and options, or name another folder"
                )
            for leftover in filter(_is_leftover, self.path.iterdir()):
                leftover.unlink(missing_ok=True)
        else:
            write_json(self.config, plain)


class RunFolder(JobFolder):
    """Paths of the main job."""

    outputs = ("model.lvr", "metrics.json", "report.html")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.teacher = path / "teacher"
        self.student = path / "student"
        self.model = path / "model.lvr"


def _is_leftover(path: Path) -> bool:
    """A temporary file of `leveret._files.replacing`, left by a kill."""
    return path.name.startswith(".") and path.name.endswith(".tmp")
