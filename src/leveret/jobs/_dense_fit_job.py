"""One training on samples of many labels each, a mask's pixels or a sentence's tags: from its folder to its report."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any

from leveret.data._identity import data_identity
from leveret.errors import LeveretUsageError
from leveret.jobs._fit_job import FitJob, FitJobResult
from leveret.report.words import duration

__all__ = ["DenseFitJob", "check_test_part"]


def check_test_part(data: Any) -> None:
    """Refuse data without a test part.

    Raises:
        LeveretUsageError: there is nothing to measure on.
    """
    if len(data.test) == 0:
        raise LeveretUsageError(f"{data.source} has no test part to measure on; leave test_fraction above 0")


class DenseFitJob(FitJob):
    """A training of one net, whose stages are the same for masks and for tags.

    Attributes:
        task: its name, and its trial's.
        counted: what the counts of the training part's classes are called in `config.json`.
    """

    task = ""
    counted = ""

    def run(self, source: str, data: Any, recipe: Any) -> FitJobResult:
        """Train, measure and report; or read what is finished."""
        from leveret import __version__

        started = time.perf_counter()
        described = recipe.describe()
        # what a resumed run must have in common
        common = {
            "task": self.task,
            "data": data_identity(data),
            self.counted: [int(n) for n in data.train.class_counts()],
            "seed": self.seed,
            "recipe": described,
        }
        self.folder.begin({"leveret": __version__, "source": source, "run": common})
        if (before := self.finished()) is not None:
            return before
        self.say(f"{self._told(data)}; {recipe.name} with {described['parameters']:,} weights")
        trial = self._trial(
            key=self.task,
            folder=self.folder.net,
            recipe=recipe,
            provenance={"leveret": __version__, "data": data.name, "net": recipe.name, "seed": self.seed},
            model=self.folder.model,
        )
        result = self.trained(trial, data, self.progress)
        metrics = self._metrics(data, described, trial, result)
        self._report(data, metrics, trial)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return FitJobResult(self.folder.path, metrics)

    @abstractmethod
    def _told(self, data: Any) -> str:
        """The data in a few words."""

    @abstractmethod
    def _trial(self, **options: Any) -> Any:
        """The trial that trains, with its threads."""

    @abstractmethod
    def _metrics(self, data: Any, described: dict[str, Any], trial: Any, result: dict[str, Any]) -> dict[str, Any]:
        """What `metrics.json` is to hold."""

    @abstractmethod
    def _report(self, data: Any, metrics: dict[str, Any], trial: Any) -> None:
        """Write `metrics.json` and the page."""
