"""`leveret distill`: teachers, their best subset, what it says of a transfer set, a shallow student, all reported.

Beside the student its twin learns the labels of the same views, so that it is seen what distillation gave.
Every stage keeps its output whole in a folder of its own before the next begins, and `config.json` says whose they
are, so that a run that was stopped or killed goes on with `resume=True`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._disk import disk_errors
from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.jobs._data import load_with_test, public_data
from leveret.jobs._folder import JobFolder
from leveret.jobs._resumable import JobInterrupted, ResumableJob, resume_command
from leveret.report.contender import Contender, headlines
from leveret.report.words import count, duration, points, share

__all__ = ["DistillResult", "JobInterrupted", "run"]

_TIMING_SECONDS = {False: 4.0, True: 1.0}  # by quick

_TITLES = {
    "ensemble": ("full ensemble", "all teachers alike"),
    "best-member": ("best member", "of the validation part"),
    "subset": ("best subset", "the student's teacher"),
    "hard-labels": ("hard labels", "the student's twin"),
    "student": ("student", "from the transfer set"),
}


class DistillFolder(JobFolder):
    """Paths of a distillation."""

    outputs = ("model.lvr", "metrics.json", "report.html")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.teachers = path / "teachers"
        self.members = path / "members.json"
        self.transfer = path / "transfer"
        self.student = path / "student"
        self.hard = path / "hard-labels"
        self.models = path / "models"
        self.model = path / "model.lvr"


@dataclass(frozen=True)
class DistillResult:
    """What a distillation left.

    Attributes:
        out: the folder with `model.lvr` (the student), `report.html`, `metrics.json`, `config.json`, `models/` (the
            teachers and the twin, packed), `teachers/`, `transfer/`, `student/`, `hard-labels/`.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def models(self) -> tuple[Contender, ...]:
        """Full ensemble, best member, best subset, the twin on hard labels, the student; all packed."""
        return tuple(Contender.from_dict(values) for values in self.metrics["models"].values())

    @property
    def headlines(self) -> list[str]:
        """What distillation gave, and the student against its teacher, a sentence each."""
        by_key = {model.key: model for model in self.models}
        student, twin, teacher = by_key["student"], by_key["hard-labels"], by_key["subset"]
        gained = (
            f"distilled: {share(student.accuracy)} on {student.samples:,} test images, "
            f"{points(student.accuracy - twin.accuracy)} against the same net on hard labels"
        )
        return [gained, *headlines((teacher, student))]


def run(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    student: str = "conv1",
    params: int | str = 1_000_000,
    members: int = 8,
    epochs: int | None = None,
    views: int | None = None,
    student_epochs: int | None = None,
    trials: int = 4,
    lateral: int = 0,
    flip: bool | None = None,
    seed: int = 0,
    resume: bool = False,
    strict: bool = False,
    quick: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    storage: str | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> DistillResult:
    """Train teachers, select, build a transfer set, train a student and its twin, pack, compare and report.

    Args:
        source: as for `leveret.load`; images.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        student: "conv0" (an MLP) to "conv4": `ShallowNet`s with so many convolutional layers.
        params: weights of the student, 1000000 or "1M".
        members: teachers.
        epochs: of each teacher. Default: by the number and kind of the training images.
        views: samples of the transfer set. Default: 40 for each training image, 4 where there are 20,000.
        student_epochs: passes over the transfer set, of the student and its twin. Default 5.
        trials: hyper-parameters to try for each of the two.
        lateral: steps of links between the units of each of the student's layers; 0 for none.
        flip: whether mirrored images are still of their class. Default: yes for colour images, no for grey ones.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read.
        strict: make unreadable samples an error instead of a counted warning.
        quick: a fifth of the epochs and views.
        workers: nets trained at once, each in a process; default what `joblib.parallel_config` says (a Dask or Ray
            cluster too, whose machines must share `out`), else one.
        threads: of torch in each; default: the cores, shared out.
        storage: an Optuna URL for the searches of teachers, to learn from other machines' trials.
        progress: say on stderr what goes on.
        data_options: passed on to `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretTrainingError: every teacher failed, or every trial of a student.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = DistillFolder(Path(out))
    folder.check(resume)
    options = {key: value for key, value in (data_options or {}).items() if value is not None}
    asked = {
        "student": student,
        "params": params,
        "members": members,
        "epochs": epochs,
        "views": views,
        "student_epochs": student_epochs,
        "trials": trials,
        "lateral": lateral or None,
        "flip": flip,
        "quick": quick,
        "seed": seed,
    }
    also = {**options, "strict": strict, "workers": workers, "threads": threads, "storage": storage}
    again = resume_command("distill", str(source), folder.path, {**asked, **also})
    how = {"workers": workers, "threads": threads, "progress": progress, "seed": seed}
    job = _Job(folder, progress, again, how, storage, quick)
    with job.stoppable():
        return job.run(str(source), {**asked, "lateral": lateral}, {**options, "strict": strict})


class _Job(ResumableJob):
    """One run, stage after stage."""

    folder: DistillFolder

    def __init__(
        self,
        folder: DistillFolder,
        progress: bool,
        again: str,
        how: dict[str, Any],
        storage: str | None,
        quick: bool,
    ) -> None:
        super().__init__(folder, progress, again)
        self.how = how
        self.storage = storage
        self.quick = quick

    def run(self, source: str, asked: dict[str, Any], load_options: dict[str, Any]) -> DistillResult:
        started = time.perf_counter()
        seed = asked["seed"]
        data = load_with_test(source, seed=seed, progress=self.progress, options=load_options)
        from leveret.jobs._distill_recipe import distill_recipe

        recipe = distill_recipe(data, **asked)
        described = recipe.describe()
        recipe.student.net(dict(recipe.student.first[0]), data)  # what can't be built is said before any work
        self.folder.begin(_config(source, data, described, seed))
        if self.folder.finished:
            self.say(f"{self.folder.path} is finished already")
            return DistillResult(self.folder.path, json.loads(self.folder.metrics.read_text(encoding="utf-8")))
        self.say(f"{data.name}: {len(data.train):,} training images, {data.num_classes} classes")
        ensemble = self._teachers(data, recipe)
        subset = ensemble.best_subset(data, seed=seed)
        self._say_subset(subset, len(ensemble))
        write_json(self.folder.members, [member.folder.name for member in ensemble.members])
        transfer = self._transfer(data, ensemble.net(subset), recipe)
        student = self._student("student", transfer, recipe.student, recipe.trials, self.folder.student)
        twin = self._student("twin on hard labels", transfer, recipe.hard, recipe.trials, self.folder.hard)
        models = self._compare(data, ensemble, subset, student, twin, recipe)
        metrics = _metrics(data, described, ensemble, subset, transfer, student, twin, models)
        self._report(data, metrics, models)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return DistillResult(self.folder.path, metrics)

    def _teachers(self, data: Any, recipe: Any) -> Any:
        from leveret.distill import TeacherEnsemble

        if self.folder.members.exists():
            # what failed then may do better now, but the transfer set and the student are of those that there were
            self.kept.append("the teachers")
            names = json.loads(self.folder.members.read_text(encoding="utf-8"))
            return TeacherEnsemble.load(self.folder.teachers, search=recipe.teachers).only(names)
        self.say(f"\ntraining {count(recipe.members, 'teacher', 'teachers')}")
        try:
            ensemble = TeacherEnsemble.train(
                data,
                recipe.members,
                out=self.folder.teachers,
                search=recipe.teachers,
                storage=self.storage,
                study=f"teachers of {data.name}, {recipe.digest}",
                **self.how,
            )
        except KeyboardInterrupt:
            self._keep(self.folder.teachers, recipe.members, "teachers")
            raise
        self.kept.append("the teachers")
        for result in ensemble.failed:
            self.say(f"{result['key']} failed: {result['why']}")
        return ensemble

    def _say_subset(self, subset: Any, members: int) -> None:
        self.say(
            f"best subset: {count(len(subset.members), 'member', 'members')} of {members}, {share(subset.accuracy)} on "
            f"the validation part; all alike {share(subset.full_accuracy)}, the best {share(subset.best_accuracy)}"
        )

    def _transfer(self, data: Any, teacher: Any, recipe: Any) -> Any:
        from leveret.distill import TransferSet

        self.say(f"\nasking the teachers about {recipe.views:,} views")
        with disk_errors(self.folder.path):
            transfer = TransferSet.build(
                data,
                teacher,
                recipe.views,
                recipe.augment,
                self.folder.transfer,
                seed=recipe.seed,
                workers=self.how["workers"],
                progress=self.progress,
            )
        self.kept.append("the transfer set")
        return transfer

    def _student(self, what: str, data: Any, search: Any, trials: int, where: Path) -> Any:
        from leveret.distill import train_student

        self.say(f"\ntraining the {what}")
        try:
            found = train_student(data, search, trials, out=where, **self.how)
        except KeyboardInterrupt:
            self._keep(where, trials, f"trials of the {what}")
            raise
        self.kept.append(f"the {what}")
        return found

    def _keep(self, where: Path, total: int, what: str) -> None:
        """Count what a stopped search has finished among what is kept."""
        done = len(list(where.glob("*/net.safetensors")))
        if done:
            self.kept.append(f"{done} of {total} {what}")

    def _compare(self, data: Any, ensemble: Any, subset: Any, student: Any, twin: Any, recipe: Any) -> Any:
        from leveret import __version__
        from leveret.jobs._packed_models import compare_packed, pack_net

        self.say("\npacking and comparing")
        nets = {
            "ensemble": ensemble.net(),
            "best-member": ensemble.member(ensemble.best),
            "subset": ensemble.net(subset),
            "hard-labels": twin.net,
            "student": student.net,
        }
        files = {key: self.folder.models / f"{key}.lvr" for key in nets} | {"student": self.folder.model}
        self.folder.models.mkdir(exist_ok=True)
        for key, net in nets.items():
            what = {"leveret": __version__, "data": data.name, "role": key, "seed": recipe.seed}
            pack_net(net, data, files[key], what)
        return compare_packed(data, files, _TITLES, seconds=_TIMING_SECONDS[self.quick])

    def _report(self, data: Any, metrics: dict[str, Any], models: Any) -> None:
        from leveret.jobs._environment import environment
        from leveret.jobs._samples import samples
        from leveret.report.distill import distill_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(models.threads)
        write_json(self.folder.metrics, metrics)
        evaluation = models.evaluations["student"]
        page = distill_page(public_data(data), metrics, models.contenders, evaluation, samples(data, evaluation))
        write_page(page, self.folder.report)


def _config(source: str, data: Any, described: dict[str, Any], seed: int) -> dict[str, Any]:
    from leveret import __version__

    return {
        "leveret": __version__,
        "source": source,
        # what a resumed run must have in common; the source may have moved
        "run": {"data": data_identity(data), "seed": seed, "recipe": described},
    }


def _metrics(
    data: Any,
    described: dict[str, Any],
    ensemble: Any,
    subset: Any,
    transfer: Any,
    student: Any,
    twin: Any,
    models: Any,
) -> dict[str, Any]:
    return {
        "data": {"name": data.name, "classes": data.num_classes, "test_images": len(data.test)},
        "recipe": described,
        "models": {contender.key: contender.as_dict() for contender in models.contenders},
        "teachers": [_without_history(member.result) for member in ensemble.members],
        "failed": [{"key": result["key"], "why": result["why"]} for result in ensemble.failed],
        "subset": {
            "weights": subset.weights.tolist(),
            "order": list(subset.order),
            "curve": list(subset.curve),
            "accuracy": subset.accuracy,
            "full_accuracy": subset.full_accuracy,
            "best_accuracy": subset.best_accuracy,
            "bags": subset.bags,
        },
        "transfer": {"views": len(transfer.train), "mean": list(transfer.mean), "std": list(transfer.std)},
        "student": student.result,
        "hard_labels": twin.result,
        "trials": {
            "student": [_without_history(result) for result in student.trials],
            "hard_labels": [_without_history(result) for result in twin.trials],
        },
        "timing_noise": models.noise,
        "packed": models.evaluations["student"].as_dict(),
    }


def _without_history(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "history"}
