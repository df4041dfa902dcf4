"""Running experiments: one by name, whose errors are raised; or many, of which one that fails stops no other."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from leveret.errors import LeveretError, LeveretUsageError, LeveretWarning
from leveret.experiments._experiment import Experiment
from leveret.experiments._kept import Kept
from leveret.experiments._needs import missing, needed
from leveret.experiments._registry import EXPERIMENTS

__all__ = ["FULL_FOLDER", "QUICK_FOLDER", "Outcome", "render", "run", "sweep"]

# folders of results, where none is named
FULL_FOLDER, QUICK_FOLDER = Path("docs/results"), Path("reproduced/quick")


@dataclass(frozen=True)
class Outcome:
    """What became of a part.

    Attributes:
        name, part: which.
        status: "done", "kept" (it was finished before), "skipped" (a quick run, and something isn't installed that no
            embedded data can stand in for) or "failed".
        seconds: that it took now.
        why: it was skipped, or failed.
    """

    name: str
    part: str
    status: str
    seconds: float = 0.0
    why: str = ""


def run(
    name: str,
    *,
    parts: Sequence[str] | None = None,
    seeds: int | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    quick: bool = False,
) -> Path:
    """Run an experiment and write `out/NAME.json` and the page `out/NAME.md` rendered from it; gives the page's path.

    The folder's `index.md`, an overview of all experiments, is written anew as well.

    Args:
        name: one of `EXPERIMENTS`.
        parts: only these; the others' results are kept as they stand in the JSON file. Default: all.
        seeds: how many repetitions, where a part has any; default: the experiment's own.
        data: folder of the datasets that it needs.
        out: folder of the results; default "docs/results", of a quick run "reproduced/quick".
        quick: on embedded data instead, with one seed and tiny settings: its figures mean only that the code works.

    Raises:
        LeveretUsageError: no such experiment or part; or the folder holds the results of full runs and this is a quick
            one, or the other way round.
    """
    experiment = _experiment(name)
    for part in parts or []:
        if part not in experiment.parts:
            raise LeveretUsageError(f"the parts of {name} are {', '.join(experiment.parts)}; there is no {part!r}")
    _check_seeds(seeds)
    kept = Kept(_folder(out, quick))
    _check_folder(kept, quick)
    for part in parts or experiment.parts:
        page = _measure(experiment, part, seeds, None if data is None else Path(data), kept, quick)
    return page


def sweep(
    names: Sequence[str],
    *,
    seeds: int | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    quick: bool = False,
    again: bool = False,
    begins: Callable[[str, str], None] = lambda name, part: None,
    ends: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run all parts of experiments, of which those that were finished in the folder are only read.

    A part that fails, for want of data or a package, or by a fault, is told and stops no other. What a quick run says
    of its own goes to `OUT/runs/log/NAME-PART.txt`.

    Args:
        names: of experiments.
        seeds, data, out, quick: as for `run`.
        again: measure finished parts anew, too; trainings that are kept are still only read.
        begins, ends: called with what begins, and with what became of it.

    Raises:
        LeveretUsageError: as for `run`.
        KeyboardInterrupt: Ctrl-C; the message says how to go on.
    """
    experiments = [_experiment(name) for name in names]
    _check_seeds(seeds)
    kept = Kept(_folder(out, quick))
    _check_folder(kept, quick)
    folder = None if data is None else Path(data)
    found = []
    for experiment in experiments:
        for part in experiment.parts:
            if not again and kept.whole(experiment.name, part, seeds):
                outcome = Outcome(experiment.name, part, "kept")
            elif quick and (lacking := missing(_installed(experiment, part), None)):
                outcome = Outcome(experiment.name, part, "skipped", why=f"needs {needed(lacking)}")
            else:
                begins(experiment.name, part)
                outcome = _attempt(experiment, part, seeds, folder, kept, quick)
            found.append(outcome)
            ends(outcome)
    return found


def render(out: str | Path | None = None) -> list[Path]:
    """Draw all pages of a folder anew, and its index, from the JSON files that it holds; nothing is measured.

    A page whose figures are of an older version, and lack what it shows by now, is left as it is, with a warning.
    """
    from leveret.experiments._index import write_index

    kept = Kept(FULL_FOLDER if out is None else Path(out))
    pages = []
    for name, experiment in EXPERIMENTS.items():
        if values := kept.results(name):
            try:
                experiment.module.render(values, kept.out)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                warnings.warn(
                    f"{name}.md is left as it was: its figures are of an older version ({error!r}); run {name} again",
                    LeveretWarning,
                    stacklevel=2,
                )
                continue
            pages.append(kept.out / f"{name}.md")
    return [*pages, write_index(kept.out)]


def _installed(experiment: Experiment, part: str) -> list[str]:
    """What a part needs besides data."""
    return [key for key in experiment.parts[part].needs if key in ("onnx", "checkout")]


def _attempt(
    experiment: Experiment, part: str, seeds: int | None, data: Path | None, kept: Kept, quick: bool
) -> Outcome:
    started = time.perf_counter()
    log = kept.out / "runs" / "log" / f"{experiment.name}-{part}.txt"
    with _log(log if quick else None) as file:
        try:
            _measure(experiment, part, seeds, data, kept, quick)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped in {experiment.name}, {part}: what was finished is kept, and the same command goes on"
            ) from None
        except Exception as error:
            # whatever it is, the other experiments have nothing to do with it
            if file is not None:
                traceback.print_exc(file=file)
            why = " ".join(str(error).split()) or type(error).__name__
            if not isinstance(error, LeveretError):
                why = f"{type(error).__name__}: {why}" + (f" (see {log})" if file is not None else "")
            return Outcome(experiment.name, part, "failed", time.perf_counter() - started, why)
    return Outcome(experiment.name, part, "done", time.perf_counter() - started)


def _measure(experiment: Experiment, part: str, seeds: int | None, data: Path | None, kept: Kept, quick: bool) -> Path:
    """Run a part, note that it was finished or stopped, and write the index."""
    from leveret.experiments._index import write_index
    from leveret.experiments._results import Measuring, measuring

    if quick:
        from leveret.experiments._standins import standins

        data = standins(kept.out / "runs" / "data")
    name = experiment.name
    now = Measuring(quick, experiment.parts[part].seeds, kept.earlier(name, part))
    whole = False
    try:
        with measuring(now):
            page = experiment.run([part], seeds, data, kept.out, quick)
        whole = True
    finally:
        kept.note(name, part, whole=whole, seeds=seeds, seconds=now.seconds)
    write_index(kept.out)
    return page


@contextlib.contextmanager
def _log(path: Path | None) -> Iterator[TextIO | None]:
    """What is printed goes to a file, or to stderr: stdout is for what the run makes."""
    if path is None:
        with contextlib.redirect_stdout(sys.stderr):
            yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        yield file


def _experiment(name: str) -> Experiment:
    if name not in EXPERIMENTS:
        raise LeveretUsageError(f"the experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    return EXPERIMENTS[name]


def _check_seeds(seeds: int | None) -> None:
    if seeds is not None and seeds < 1:
        raise LeveretUsageError(f"seeds must be at least 1, got {seeds}")


def _folder(out: str | Path | None, quick: bool) -> Path:
    return Path(out) if out is not None else QUICK_FOLDER if quick else FULL_FOLDER


def _check_folder(kept: Kept, quick: bool) -> None:
    """Quick figures and trainings never stand among real ones, whichever were finished."""
    before = kept.quick()
    if before is not None and before != quick:
        holds, wants = ("full", "a quick one") if quick else ("quick", "a full one")
        raise LeveretUsageError(f"{kept.out} holds results of {holds} runs: give {wants} another folder with -o")
    kept.note_quick(quick)
