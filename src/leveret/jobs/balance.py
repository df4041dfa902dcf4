"""`leveret compare --balance`: one net trained on skewed data by every method of the balance catalogue, side by side.

Each trial is kept whole when it is done, in a folder of its own; one under way goes on after its last finished epoch.
`config.json` says whose they are, so that a comparison that was stopped or killed goes on with `resume=True`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leveret._disk import disk_errors
from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.jobs._data import load_with_test, public_data
from leveret.jobs._folder import JobFolder
from leveret.jobs._resumable import JobInterrupted, ResumableJob, resume_command
from leveret.report.words import count, duration, share

if TYPE_CHECKING:  # `--help` needs none of it
    from torch import nn

    from leveret.data import Data
    from leveret.jobs._trial import Trial
    from leveret.training._augment import Augmentation

__all__ = ["BalanceResult", "JobInterrupted", "run"]


class BalanceFolder(JobFolder):
    """Paths of a comparison."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.methods = path / "methods"


@dataclass(frozen=True)
class BalanceResult:
    """What a comparison left.

    Attributes:
        out: the folder with `report.html`, `metrics.json`, `config.json` and, in `methods/KEY/`, each net's weights,
            its logits of the validation and the test part, and `model.lvr` where it packs.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict a method: plain training first, then by the headline's figure, those without a result last."""
        return list(self.metrics["methods"])


def run(
    source: str | os.PathLike[str] | Data,
    out: str | os.PathLike[str],
    *,
    methods: str | Iterable[str] = "all",
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    augment: Augmentation | Literal["auto"] | None = "auto",
    flip: bool | None = None,
    seed: int = 0,
    resume: bool = False,
    quick: bool = False,
    strict: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> BalanceResult:
    """Train a net by every method with the same budget of samples seen, measure on the test part, and report.

    Args:
        source: as for `leveret.load`, or what it gave.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        methods: "all", "a,b,c" or keys of `leveret.balance.catalogue.METHODS`; plain training comes along always.
        net: the name of a net, a module (a copy is trained), or a function that gives one. Default: by the data.
        epochs: the budget: passes over the training part. Default: by the data's size.
        options: a method's own parameters by key, e.g. `{"focal": {"gamma": 1.0}}`.
        batch_size, lr: of training. Default: by the data's size.
        augment: an `Augment`, None, or "auto": small shifts, and mirrors for colour images.
        flip: for "auto": whether mirrored images are still of their class.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read. Failed methods are tried again.
        quick: a fifth of the epochs.
        strict: make unreadable samples an error instead of a counted warning.
        workers: methods at work at once, each in a process; default what `joblib.parallel_config` says, else one.
        threads: of torch in each; default: the cores, shared out, or one for nets so small that more would wait.
        progress: say on stderr what goes on.
        data_options: passed on to `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretTrainingError: plain training failed, which the others begin with.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    if net == "dcn":
        raise LeveretUsageError(
            "a comparison trains one net with every method's objective, and a dynamic capacity net has one of its own; "
            "train it with leveret fit --net dcn"
        )
    folder = BalanceFolder(Path(out))
    folder.check(resume)
    load_options = {key: value for key, value in (data_options or {}).items() if value is not None}
    again = "the same call with resume=True"
    if isinstance(source, str | os.PathLike) and isinstance(net, str | None):
        named = methods if isinstance(methods, str) else ",".join(methods)
        asked = {"balance": named, "net": net, "epochs": epochs, "seed": seed, "quick": quick, "flip": flip}
        also = {"workers": workers, **load_options, "strict": strict}
        again = resume_command("compare", str(source), folder.path, {**asked, **also})
    job = _Job(folder, seed, workers, threads, progress, again)
    with job.stoppable():
        from leveret.balance.catalogue import METHODS, choose_methods
        from leveret.jobs._fit_recipe import fit_recipe

        chosen = choose_methods(methods)
        if chosen[0].key != "plain":
            chosen = (METHODS["plain"], *chosen)
        own = {key: dict(values) for key, values in (options or {}).items()}
        if unknown := set(own) - {method.key for method in chosen}:
            raise LeveretUsageError(f"options are given for {sorted(unknown)[0]!r}, which is not among the methods")
        data = load_with_test(source, seed=seed, progress=progress, options={**load_options, "strict": strict})
        recipe = fit_recipe(
            data,
            net=net,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            augment=augment,
            flip=flip,
            quick=quick,
            seed=seed,
        )
        return job.run(str(getattr(source, "source", source)), data, recipe, chosen, own)


class _Job(ResumableJob):
    """One comparison, stage after stage."""

    folder: BalanceFolder

    def __init__(
        self,
        folder: BalanceFolder,
        seed: int,
        workers: int | None,
        threads: int | None,
        progress: bool,
        again: str,
    ) -> None:
        super().__init__(folder, progress, again)
        self.seed = seed
        self.workers = workers
        self.threads = threads

    def run(
        self, source: str, data: Data, recipe: Any, methods: tuple[Any, ...], options: dict[str, dict[str, Any]]
    ) -> BalanceResult:
        from leveret.jobs._skew import skew_in_words

        started = time.perf_counter()
        described = recipe.describe()
        chosen = {method.key: method.with_defaults(options.get(method.key, {})) for method in methods}
        self.folder.begin(_config(source, data, described, chosen, self.seed))
        if self.folder.finished:
            self.say(f"{self.folder.path} is finished already")
            return BalanceResult(self.folder.path, json.loads(self.folder.metrics.read_text(encoding="utf-8")))
        skew = skew_in_words(data.train.class_counts())
        self.say(f"{data.name}: {len(data.train):,} training samples, {data.num_classes} classes; {skew}")
        trials = self._trials(data, recipe, methods, options)
        results = {"plain": self._plain(trials[0], data)}
        self._others(trials[1:], data, trials[0].trained_net(), results)
        metrics = _metrics(data, described, _rows(data, methods, chosen, trials, results))
        self._report(data, metrics, trials)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return BalanceResult(self.folder.path, metrics)

    def _trials(
        self, data: Data, recipe: Any, methods: tuple[Any, ...], options: dict[str, dict[str, Any]]
    ) -> list[Trial]:
        from leveret import __version__
        from leveret._threads import default_threads
        from leveret.jobs._trial import Trial
        from leveret.training._parallel import how_many_workers
        from leveret.training._threads import threads_for

        workers = how_many_workers(self.workers, max(1, len(methods) - 1))
        most = max(1, default_threads() // workers)
        threads = self.threads or threads_for(recipe.make_net(), data, recipe.batch_size, most)
        provenance = {"leveret": __version__, "data": data.name, "net": recipe.name, "seed": self.seed}
        return [
            Trial(
                key=method.key,
                folder=self.folder.methods / method.key,
                threads=threads,
                recipe=recipe,
                options=options.get(method.key, {}),
                provenance=provenance,
            )
            for method in methods
        ]

    def _plain(self, trial: Trial, data: Data) -> dict[str, Any]:
        """Plain training, with which others begin: here, and with a line an epoch."""
        result = trial.finished()
        if result is None:
            self.say("\ntraining plainly")
            with disk_errors(self.folder.path):
                result = trial.run(data, None, self.progress)
            if result["status"] != "ok":
                raise LeveretTrainingError(f"plain training failed: {result['why']}")
        self.kept.append("plain training")
        return result

    def _others(self, trials: list[Trial], data: Data, plain: nn.Module, results: dict[str, dict[str, Any]]) -> None:
        from leveret.training._parallel import how_many_workers, parallel
        from leveret.training._tasks_progress import TasksProgress

        results |= {trial.key: result for trial in trials if (result := trial.finished()) is not None}
        self.kept += [key for key in results if key != "plain"]
        left = [trial for trial in trials if trial.key not in results]
        if left:
            workers = how_many_workers(self.workers, len(left))
            self.say(f"\ntrying {count(len(left), 'method', 'methods')}, {count(workers, 'worker', 'workers')}")
        with TasksProgress("methods", len(trials), len(trials) - len(left), self.progress, _outcome) as shown:

            def done(trial: Trial, result: dict[str, Any]) -> None:
                results[trial.key] = result
                if result["status"] == "ok":
                    self.kept.append(trial.key)
                shown.done(trial.key, result)

            with disk_errors(self.folder.path):
                parallel(left, data, plain, workers=self.workers, done=done)

    def _report(self, data: Data, metrics: dict[str, Any], trials: list[Trial]) -> None:
        from leveret.jobs._environment import environment
        from leveret.jobs._trial import kept_evaluation
        from leveret.report.balance import balance_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(trials[0].threads)
        write_json(self.folder.metrics, metrics)
        ok = [row["key"] for row in metrics["methods"] if row["status"] == "ok"]
        evaluations = {
            key: found for key in ok if (found := kept_evaluation(self.folder.methods / key, data, "test")) is not None
        }
        write_page(balance_page(public_data(data), metrics, evaluations), self.folder.report)


def _outcome(result: Mapping[str, Any]) -> str:
    diverged = "  diverged, best epoch kept" if result["diverged"] else ""
    return f"balanced {share(result['balanced_accuracy']):>9}  {duration(result['seconds'])}{diverged}"


def _config(source: str, data: Data, recipe: dict[str, Any], methods: dict[str, Any], seed: int) -> dict[str, Any]:
    from leveret import __version__

    return {
        "leveret": __version__,
        "source": source,
        # what a resumed run must have in common
        "run": {
            "data": data_identity(data),
            "counts": [int(n) for n in data.train.class_counts()],
            "seed": seed,
            "recipe": recipe,
            "methods": methods,
        },
    }


def _rows(
    data: Data,
    methods: tuple[Any, ...],
    options: dict[str, Any],
    trials: list[Trial],
    results: dict[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    """A row a method: plain training, then the best by the headline's figure; those without a result last."""
    from leveret.jobs._skew import figures_of, headline_of

    rows = []
    for method, trial in zip(methods, trials, strict=True):
        row = {"key": method.key, "title": method.title, "family": method.family, "paper": method.paper}
        row |= {"what": method.what, "options": options[method.key], **results[method.key]}
        if row["status"] == "ok":
            row["figures"] = figures_of(trial.folder, data)
        rows.append(row)
    headline = headline_of(data)

    def order(row: dict[str, Any]) -> Any:
        ok = row["status"] == "ok"
        return row["key"] != "plain", not ok, -row["figures"][headline] if ok else 0

    return sorted(rows, key=order)


def _metrics(data: Data, recipe: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    from leveret.balance.catalogue import choose_method
    from leveret.jobs._skew import headline_of

    counts = data.train.class_counts()
    choice = choose_method(counts)
    return {
        "data": {
            "name": data.name,
            "classes": data.num_classes,
            "test_samples": len(data.test),
            "train_counts": [int(n) for n in counts],
            "ratio": choice.ratio,
        },
        "recipe": recipe,
        "headline": headline_of(data),
        "auto": {"key": choice.key, "why": choice.why},
        "methods": rows,
    }
