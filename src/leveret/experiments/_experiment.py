"""What an experiment is to those who list and run it: parts, what each needs, and about how long it takes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Experiment", "Part"]


@dataclass(frozen=True)
class Part:
    """A part of an experiment.

    Attributes:
        minutes: that it takes on two cores, roughly.
        quick_seconds: of its quick run, roughly.
        needs: keys of `leveret.experiments._needs.NEEDS`.
        seeds: of what is random, none where nothing is; None of a part that is repeated, with as many as are asked for.
    """

    minutes: float
    quick_seconds: float
    needs: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = (0,)


@dataclass(frozen=True)
class Experiment:
    """An experiment.

    Its module is imported only when it runs. It has `PARTS`, the names of `parts`, and

        run(parts, seeds, data, out, quick=False) -> Path    measures parts, in order, and gives the page's path
        render(values, out)                                  draws the page and its pictures from the JSON's content

    `run` keeps trainings under `OUT/runs`: what was finished is only read, and what was stopped goes on. With `quick`
    it takes the tiny settings that stand beside its full ones, and files of the same names; all else is the same.

    Attributes:
        name: on the command line, and of the files of its results.
        title: what it asks, in a line.
        paper: whose it is; ours where it isn't anybody's.
        parts: in the order in which they run, as later ones may take what earlier ones trained.
    """

    name: str
    title: str
    paper: str
    parts: Mapping[str, Part]

    @property
    def module(self) -> Any:
        """The module that runs it."""
        return importlib.import_module(f"leveret.experiments.{self.name.replace('-', '_')}")

    def run(self, parts: Sequence[str], seeds: int | None, data: Path | None, out: Path, quick: bool) -> Path:
        """Measure, record and render; see the class."""
        return self.module.run(list(parts), seeds, data, out, **({"quick": True} if quick else {}))

    def seconds(self, part: str, quick: bool) -> float:
        """That a part takes, roughly."""
        found = self.parts[part]
        return found.quick_seconds if quick else 60 * found.minutes
