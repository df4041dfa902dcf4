"""`leveret compare`: one trained net, made small by every method of the catalogue, packed and measured side by side.

Each member is kept whole when it is done, in a folder of its own; one under way goes on after its last finished epoch.
`config.json` says whose they are, so that a comparison that was stopped or killed goes on with `resume=True`.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leveret._disk import disk_errors
from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.errors import LeveretUsageError, LeveretWarning
from leveret.jobs._data import load_with_test, public_data
from leveret.jobs._folder import JobFolder
from leveret.jobs._resumable import JobInterrupted, ResumableJob, resume_command
from leveret.report.words import count, duration, share, size

if TYPE_CHECKING:  # `--help` needs none of it
    from torch import nn

    from leveret.data import Data
    from leveret.jobs._member import Member
    from leveret.training._augment import Augmentation

__all__ = ["CompareResult", "JobInterrupted", "run"]

BATCH = 64
_TIMING_SECONDS = {False: 0.3, True: 0.1}  # for each model and batch size, by quick


class CompareFolder(JobFolder):
    """Paths of a comparison."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.net = path / "net"
        self.methods = path / "methods"


@dataclass(frozen=True)
class CompareResult:
    """What a comparison left.

    Attributes:
        out: the folder with `report.html`, `metrics.json`, `config.json`, `net/` and `methods/KEY/model.lvr`.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict a method: the real net first, then by accuracy, those without a result last."""
        return list(self.metrics["methods"])


def run(
    source: str | os.PathLike[str] | Data,
    out: str | os.PathLike[str],
    *,
    methods: str | Iterable[str] = "all",
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    tune_epochs: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    tune_lr: float | None = None,
    augment: Augmentation | Literal["auto"] | None = "auto",
    seed: int = 0,
    resume: bool = False,
    quick: bool = False,
    skip_unfit: bool = False,
    strict: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> CompareResult:
    """Train one net, make it small by every method, tune each with the same budget, pack, measure and report.

    Every figure is of the packed model in its file. Times are taken when all trainings are over, in turns, one thread.

    Args:
        source: as for `leveret.load`, images; or what it gave.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        methods: "all", "a,b,c" or keys of `leveret.shrink.catalogue.METHODS`; the real net comes along always.
        net: "convnet", "resnet20", "resnet18", a module, or a function that gives one; default "convnet". A module
            stays as it is: a copy is trained.
        epochs: of the real net; 0 takes a given module as trained. Default: by the data's size.
        tune_epochs: the budget of each method; one of several stages splits it. Default: four tenths of `epochs`.
        options: a method's own parameters by key, e.g. `{"magnitude": {"sparsity": 0.95}}`.
        batch_size, lr: of training; by the data's size, 0.002 for given nets.
        tune_lr: of fine-tuning, 0.001; methods that have more to learn anew take a multiple.
        augment: an `Augment`, None, or "auto": small shifts, and mirrors for colour images.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read. Failed members are made again.
        quick: a fifth of the epochs.
        skip_unfit: leave a layer that a method doesn't fit as it is, and leave out a method that fits none of the
            net, rather than stop before any work.
        strict: make unreadable samples an error instead of a counted warning.
        workers: members at work at once, each in a process; default what `joblib.parallel_config` says (a Dask or Ray
            cluster too, whose machines must share `out`), else one.
        threads: of torch in each worker; default: the cores, shared out, or one for nets so small that more would wait.
        progress: say on stderr what goes on.
        data_options: passed on to `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, a method that doesn't fit, a folder in use, or a resumed run that
            differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretPackError: the runtime lacks an operation of the net.
        LeveretTrainingError: the real net's training diverged.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    folder = CompareFolder(Path(out))
    folder.check(resume)
    asked = {"methods": methods, "net": net, "epochs": epochs, "tune_epochs": tune_epochs, "seed": seed, "quick": quick}
    load_options = {key: value for key, value in (data_options or {}).items() if value is not None}
    also = {"skip_unfit": skip_unfit, "workers": workers, **load_options, "strict": strict}
    again = _again(source, folder.path, {**asked, **also})
    job = _Job(folder, seed, skip_unfit, workers, threads, progress, quick, again)
    with job.stoppable():
        from leveret.jobs._compare_recipe import compare_recipe
        from leveret.shrink.catalogue import METHODS, choose_methods

        chosen = choose_methods(methods)
        if chosen[0].key != "real":
            chosen = (METHODS["real"], *chosen)
        own = {key: dict(values) for key, values in (options or {}).items()}
        if unknown := set(own) - {method.key for method in chosen}:
            raise LeveretUsageError(f"options are given for {sorted(unknown)[0]!r}, which is not among the methods")
        data = load_with_test(source, seed=seed, progress=progress, options={**load_options, "strict": strict})
        recipe = compare_recipe(
            data,
            net=net,
            epochs=epochs,
            tune_epochs=tune_epochs,
            batch_size=batch_size,
            lr=lr,
            tune_lr=tune_lr,
            augment=augment,
            quick=quick,
            seed=seed,
        )
        return job.run(str(getattr(source, "source", source)), data, recipe, chosen, own)


class _Job(ResumableJob):
    """One comparison, stage after stage."""

    folder: CompareFolder

    def __init__(
        self,
        folder: CompareFolder,
        seed: int,
        skip_unfit: bool,
        workers: int | None,
        threads: int | None,
        progress: bool,
        quick: bool,
        again: str,
    ) -> None:
        super().__init__(folder, progress, again)
        self.seed = seed
        self.skip_unfit = skip_unfit
        self.workers = workers
        self.threads = threads
        self.quick = quick

    def run(
        self, source: str, data: Data, recipe: Any, methods: tuple[Any, ...], options: dict[str, dict[str, Any]]
    ) -> CompareResult:
        started = time.perf_counter()
        described = recipe.describe()
        chosen = {method.key: method.with_defaults(options.get(method.key, {})) for method in methods}
        unfit = self._unfit(data, recipe.net, methods, options)
        self.folder.begin(_config(source, data, described, chosen, self.seed, self.skip_unfit))
        if self.folder.finished:
            self.say(f"{self.folder.path} is finished already")
            return CompareResult(self.folder.path, json.loads(self.folder.metrics.read_text(encoding="utf-8")))
        self.say(f"{data.name}: {len(data.train):,} training images, {data.num_classes} classes")
        for key, why in unfit.items():
            self.say(f"left out: {key}: {why}")
        net, history = self._train(data, recipe)
        fitting = [method.key for method in methods if method.key not in unfit]
        results = self._members(data, net, recipe, fitting, options)
        speeds, noise = self._speeds(data, results)
        rows = _rows(methods, chosen, results, unfit, speeds)
        metrics = _metrics(data, described, rows, history, noise)
        self._report(data, metrics)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return CompareResult(self.folder.path, metrics)

    def _unfit(self, data: Data, net: Any, methods: tuple[Any, ...], options: dict[str, Any]) -> dict[str, str]:
        """Methods that fit nothing of the net, with why; found on the net before its training."""
        import copy

        import numpy as np
        import torch

        from leveret import packing

        pixels = data.train.fetch(np.arange(min(BATCH, len(data.train))))
        images = torch.from_numpy(data.normalization.apply(pixels))
        # what the runtime can't run is named before any long work, too
        packing.pack(copy.deepcopy(net).eval(), images[:4], normalization=data.normalization, classes=data.classes)
        found = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeveretWarning)  # the members say the same of the trained net
            for method in methods:
                try:
                    method.check(net, images, skip_unfit=self.skip_unfit, **options.get(method.key, {}))
                except LeveretUsageError as error:
                    if not self.skip_unfit:
                        raise LeveretUsageError(
                            f"method {method.key!r} doesn't fit: {error}. Leave it out of the methods, or leave what "
                            "doesn't fit as it is with --skip-unfit"
                        ) from error
                    found[method.key] = str(error)
        return found

    def _train(self, data: Data, recipe: Any) -> tuple[Any, list[dict[str, Any]]]:
        from leveret._threads import default_threads, limited_threads
        from leveret.training._threads import threads_for

        self.say("\ntraining the real net" if recipe.epochs else "\nthe real net is taken as it is")
        threads = self.threads or threads_for(recipe.net, data, recipe.batch_size, default_threads())
        with disk_errors(self.folder.path), limited_threads(threads):
            result = recipe.train(data, self.folder.net, progress=self.progress)
        self.take("the real net", result)
        return result.net.eval(), result.history

    def _members(
        self, data: Data, net: Any, recipe: Any, keys: list[str], options: dict[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        from leveret._threads import default_threads
        from leveret.training._parallel import how_many_workers, parallel
        from leveret.training._tasks_progress import TasksProgress
        from leveret.training._threads import threads_for

        workers = how_many_workers(self.workers, len(keys))
        shared = max(1, default_threads() // workers)
        threads = self.threads or threads_for(net, data, recipe.batch_size, shared)
        members = [self._member(key, data, recipe, options, threads) for key in keys]
        results = {member.key: result for member in members if (result := member.finished()) is not None}
        self.kept += list(results)
        left = [member for member in members if member.key not in results]
        if left:
            self.say(f"\nmaking {count(len(left), 'method', 'methods')}, {count(workers, 'worker', 'workers')}")
        with TasksProgress("methods", len(members), len(results), self.progress, _outcome) as shown:

            def done(member: Member, result: dict[str, Any]) -> None:
                results[member.key] = result
                if result["status"] == "ok":
                    self.kept.append(member.key)
                shown.done(member.key, result)

            with disk_errors(self.folder.path):
                parallel(left, net, data, workers=self.workers, done=done)
        return results

    def _member(self, key: str, data: Data, recipe: Any, options: dict[str, dict[str, Any]], threads: int) -> Member:
        from leveret import __version__
        from leveret.jobs._member import Member

        return Member(
            key=key,
            folder=self.folder.methods / key,
            epochs=recipe.tune_epochs,
            pretraining=recipe.epochs,
            seed=self.seed,
            batch_size=recipe.batch_size,
            lr=recipe.tune_lr,
            augment=recipe.augment,
            skip_unfit=self.skip_unfit,
            options=options.get(key, {}),
            threads=threads,
            provenance={"leveret": __version__, "data": data.name, "net": recipe.name, "seed": self.seed},
        )

    def _speeds(self, data: Data, results: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], float]:
        """Times of all packed models, taken now that nothing else is at work: in turns, one thread."""
        import numpy as np

        from leveret import runtime
        from leveret.jobs._speed import measure

        self.say("\ntiming")
        keys = [key for key, result in results.items() if result["status"] == "ok"]
        if not keys:
            return {}, 1.0
        models = {key: _on_one_thread(runtime.load(self.folder.methods / key / "model.lvr")) for key in keys}
        pixels = data.test.fetch(np.arange(min(BATCH, len(data.test))))
        seconds = _TIMING_SECONDS[self.quick] * len(models)
        speeds = measure(models, pixels, threads=1, batch=BATCH, seconds=seconds)
        return speeds, max(speed.noise for speed in speeds.values())

    def _report(self, data: Data, metrics: dict[str, Any]) -> None:
        from leveret.jobs._environment import environment
        from leveret.report.compare import compare_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(1)
        write_json(self.folder.metrics, metrics)
        write_page(compare_page(public_data(data), metrics), self.folder.report)


def _outcome(result: Mapping[str, Any]) -> str:
    diverged = "  diverged, best epoch kept" if result["diverged"] else ""
    return f"{share(result['accuracy']):>9}  {size(result['bytes']):>8}  {duration(result['seconds'])}{diverged}"


def _on_one_thread(packed: Any) -> Any:
    return lambda images: packed(images, threads=1)


def _config(
    source: str, data: Data, recipe: dict[str, Any], methods: dict[str, Any], seed: int, skip_unfit: bool
) -> dict[str, Any]:
    from leveret import __version__

    return {
        "leveret": __version__,
        "source": source,
        # what a resumed run must have in common
        "run": {
            "data": data_identity(data),
            "seed": seed,
            "recipe": recipe,
            "methods": methods,
            "skip_unfit": skip_unfit,
        },
    }


def _rows(
    methods: tuple[Any, ...],
    options: dict[str, Any],
    results: dict[str, dict[str, Any]],
    unfit: dict[str, str],
    speeds: dict[str, Any],
) -> list[dict[str, Any]]:
    """A row a method: the real net, then the most accurate, the smaller of equals; those without a result last."""
    from leveret.training._task import failure

    rows = []
    for method in methods:
        key = method.key
        result = failure(key, unfit[key], "unfit") if key in unfit else results[key]
        row = {"key": key, "title": method.title, "family": method.family, "paper": method.paper, "what": method.what}
        row |= {"options": options[key], **result}
        if key in speeds:
            row["ms_per_image"] = speeds[key].ms_per_image
            row["images_per_second"] = speeds[key].images_per_second
            row["batch"] = speeds[key].batch
        rows.append(row)

    def order(row: dict[str, Any]) -> Any:
        ok = row["status"] == "ok"
        return row["key"] != "real", not ok, -row["accuracy"] if ok else 0, row["bytes"] if ok else 0

    return sorted(rows, key=order)


def _metrics(
    data: Data, recipe: dict[str, Any], rows: list[dict[str, Any]], history: list[dict[str, Any]], noise: float
) -> dict[str, Any]:
    from leveret.report.tradeoff import front

    ok = [row for row in rows if row["status"] == "ok"]
    return {
        "data": {"name": data.name, "classes": data.num_classes, "test_images": len(data.test)},
        "recipe": recipe,
        "methods": rows,
        # nobody is both as accurate and smaller, or faster
        "front": {
            cost: [ok[i]["key"] for i in front([row[cost] for row in ok], [row["accuracy"] for row in ok])]
            for cost in ("bytes", "ms_per_image")
        },
        "timing_noise": noise,
        "training": {"history": history, "seconds": sum(row["seconds"] for row in history)},
    }


def _again(source: Any, out: Path, options: Mapping[str, Any]) -> str:
    """The command, or the call, that goes on with this run."""
    if not isinstance(source, str | os.PathLike) or not isinstance(options["net"], str | None):
        return "the same call with resume=True"
    methods = options["methods"]
    named = methods if isinstance(methods, str) else ",".join(methods)
    return resume_command("compare", str(source), out, {**options, "methods": named})
