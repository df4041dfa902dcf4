"""`leveret grow`: a trained net takes up new classes, flat or as a tree, and all of it is reported.

What is planned, each node's training and the tree are kept whole one after the other, and `config.json` says whose they
are, so that a growth that was stopped or killed goes on with `resume=True`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leveret._disk import disk_errors
from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.jobs._data import load_with_test, public_data
from leveret.jobs._folder import JobFolder
from leveret.jobs._grow_described import config_of, metrics_of, resume_words
from leveret.jobs._resumable import JobInterrupted, ResumableJob
from leveret.report.words import count, duration, share

if TYPE_CHECKING:  # `--help` needs none of it
    from leveret.data import Data
    from leveret.grow import ClassTree, Growth
    from leveret.jobs._grow_model import GrowModel
    from leveret.jobs._grow_recipe import GrowSettings

__all__ = ["GrowJobResult", "JobInterrupted", "run"]


class GrowFolder(JobFolder):
    """Paths of a growth."""

    outputs = ("tree.safetensors", "metrics.json", "report.html")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.growth = path / "growth"
        self.tree = path / "tree.safetensors"
        self.memory = path / "memory.npz"
        self.model = path / "model.lvr"
        self.single = path / "single"
        self.single_model = path / "single.lvr"


@dataclass(frozen=True)
class GrowJobResult:
    """What `leveret grow` left.

    Attributes:
        out: the folder with `tree.safetensors`, `model.lvr` where the tree packs, `memory.npz` of a memory,
            `single.lvr` of a tree taught to one net, `report.html`, `metrics.json`, `config.json`, and in `growth/` the
            plan and each node's training.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def model(self) -> Path | None:
        """The packed tree; None where it doesn't pack."""
        path = self.out / "model.lvr"
        return path if path.exists() else None


def run(
    model: str | os.PathLike[str] | ClassTree,
    source: str | os.PathLike[str] | Data,
    out: str | os.PathLike[str],
    *,
    old: Sequence[str | os.PathLike[str]] | Data = (),
    policy: Literal["all", "memory", "none"] = "all",
    budget: int = 2000,
    exemplars: Literal["herding", "reservoir"] = "herding",
    known: Literal["refuse", "merge"] = "refuse",
    names: Sequence[str] = (),
    shape: Literal["error", "random", "flat"] = "error",
    groups: int | Literal["auto"] = "auto",
    max_classes: int = 6,
    max_error: float = 0.25,
    beams: int | None = 1,
    start: Literal["branch", "old"] = "branch",
    epochs: int | None = None,
    leaf_epochs: int | None = None,
    balance: str = "auto",
    distillation: float | None = None,
    new_rate: float = 2.0,
    prune: bool = False,
    distill_back: bool = False,
    flip: bool | None = None,
    seed: int = 0,
    resume: bool = False,
    quick: bool = False,
    strict: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> GrowJobResult:
    """Let a trained net take up the classes of a source, pack it, measure it before and after, and report.

    Args:
        model: the folder of a finished run of `leveret fit` or `leveret grow`, or a `ClassTree`.
        source: with the new classes, as for `leveret.load`, or what it gave.
        out: a new or empty folder, or with `resume` that of a growth with the same data and options.
        old: sources of the classes known so far, or what they gave. Default: those that the model learned from.
        policy: what is trained on of them: "all", a "memory" of some, or "none".
        budget, exemplars: of a memory: samples, and how they are chosen.
        known: what becomes of samples of classes that the model knows: an error, or they are trained on too.
        names: of the source's classes, in place of those that it has, in the order of its labels.
        shape, groups, max_classes, max_error: which classes stay together, and when a leaf branches; see
            `leveret.grow.grow`, `partition` and `BranchRule`.
        beams: leaves asked at most for a sample; None for all.
        start: what leaves begin with, see `GrowRecipe`.
        epochs, leaf_epochs: of branches and of leaves. Default: three tenths and a twelfth of what training anew takes.
        balance: how unequal classes are dealt with, see `GrowRecipe`.
        distillation: λ of what the model said before of the old classes. Default: 1, or 0 with all the old data.
        new_rate: how often a sample of a new class is drawn for each of an old one, see `GrowRecipe`.
        prune: take branches away again that the validation part shows no use of.
        distill_back: teach the tree to one net, too.
        flip: whether mirrored images are still of their class. Default: yes for colour images, no for grey ones.
        seed: of everything random.
        resume: go on with the growth in `out`; one that is finished is only read.
        quick: a fifth of the epochs.
        strict: make unreadable samples an error instead of a counted warning.
        workers, threads: nodes trained at once, each in a process; torch's threads in each.
        progress: say on stderr what goes on.
        data_options: passed on to `leveret.load`, for what is named here.

    Raises:
        LeveretUsageError: an argument out of range or combination, no such run, a folder in use, a resumed run that
            differs, a class that is known already; says which, and what would be right.
        LeveretDataError: a source is missing or can't be used, or its images are of another size.
        LeveretTrainingError: a training failed; says which and why.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = GrowFolder(Path(out))
    folder.check(resume)
    load_options = {key: value for key, value in (data_options or {}).items() if value is not None}
    asked = {
        "policy": policy,
        "budget": budget,
        "exemplars": exemplars,
        "known": known,
        "names": list(names),
        "shape": shape,
        "groups": groups,
        "max_classes": max_classes,
        "max_error": max_error,
        "beams": beams,
        "prune": prune,
        "distill_back": distill_back,
        "seed": seed,
    }
    training = {
        "epochs": epochs,
        "leaf_epochs": leaf_epochs,
        "balance": balance,
        "distillation": distillation,
        "new_rate": new_rate,
        "start": start,
        "flip": flip,
        "quick": quick,
    }
    again = resume_words(
        model, source, folder.path, asked | training, old, {**load_options, "strict": strict, "workers": workers}
    )
    job = _Job(folder, progress, again, asked, workers, threads)
    with job.stoppable():
        from leveret.data import Data
        from leveret.jobs._grow_model import load_growable, named_anew, old_data

        grown = load_growable(model)
        data = load_with_test(
            source, seed=seed, progress=progress, options={**load_options, "strict": strict}, one_class=True
        )
        if names:
            data = named_anew(data, names)
        given = old if isinstance(old, Data) else None
        if not isinstance(old, Data):
            given = old_data(grown, [str(one) for one in old], {**load_options, "seed": seed}, progress)
        job.check(grown, data, given)
        settings = job.settings(grown, data, given, training)
        entry = {
            "source": str(getattr(source, "source", source)),
            "seed": seed,
            "options": load_options,
            "names": list(names),
            "identity": data_identity(data),
        }
        return job.run(grown, data, given, settings, entry)


class _Job(ResumableJob):
    """One growth, stage after stage."""

    folder: GrowFolder

    def __init__(
        self,
        folder: GrowFolder,
        progress: bool,
        again: str,
        asked: dict[str, Any],
        workers: int | None,
        threads: int | None,
    ) -> None:
        super().__init__(folder, progress, again)
        self.asked = asked
        self.workers = workers
        self.threads = threads

    def check(self, model: GrowModel, data: Data, old: Data | None) -> None:
        """What can be refused before anything is written."""
        from leveret.grow import BranchRule
        from leveret.grow._checks import checked_growth

        BranchRule(max_classes=self.asked["max_classes"], max_error=self.asked["max_error"])
        shape = model.tree.input_shape
        if shape is not None and data.input_shape != shape:
            hint = ""
            if len(shape) == 3 and data.kind == "image":
                hint = f"; --size {shape[1]}x{shape[2]} --channels {shape[0]} brings them to that"
            raise LeveretUsageError(
                f"the model takes samples of shape {shape}, {data.name} has them of shape {data.input_shape}{hint}"
            )
        counts = zip(data.classes, data.train.class_counts(), strict=True)
        here = [name for name, number in counts if number]
        again = [name for name in here if name in model.tree.classes]
        if again and self.asked["known"] == "refuse":
            raise LeveretUsageError(
                f"{data.name} has samples of {', '.join(again)}, which the model knows already: --known merge trains "
                "on them too; if they are other classes, give them other names by --names"
            )
        if len(again) == len(here):
            raise LeveretUsageError(
                f"{data.name} has no class that the model doesn't know; to train on more samples, take leveret fit"
            )
        asked = self.asked
        if old is None and (self.asked["policy"] == "all" or (self.asked["policy"] == "memory" and not model.memory)):
            raise LeveretUsageError(
                f"policy {self.asked['policy']} needs samples of the classes known so far, and those that the model "
                "learned from aren't there: name them by --old, or take --policy none"
            )
        model.tree.set_inference(beams=asked["beams"], blend=model.tree.blend)
        options = ("policy", "budget", "exemplars", "known", "groups", "shape")
        checked_growth(model.tree, data, old, memory=model.memory, **{name: asked[name] for name in options})

    def settings(self, model: GrowModel, data: Data, old: Data | None, training: dict[str, Any]) -> GrowSettings:
        """How to train."""
        from leveret.data import joined
        from leveret.jobs._grow_recipe import grow_recipe

        trained = joined([old, data]) if old is not None and old.input_shape == data.input_shape else data
        name = None if model.described is None else model.described["net"]
        return grow_recipe(model.tree, trained, name, policy=self.asked["policy"], seed=self.asked["seed"], **training)

    def run(
        self, model: GrowModel, data: Data, old: Data | None, settings: GrowSettings, entry: dict[str, Any]
    ) -> GrowJobResult:
        started = time.perf_counter()
        self.folder.begin(config_of(model, settings, self.asked, entry, old))
        if self.folder.finished:
            self.say(f"{self.folder.path} is finished already")
            return GrowJobResult(self.folder.path, json.loads(self.folder.metrics.read_text(encoding="utf-8")))
        growth = self._grow(model, data, old, settings)
        tree, metrics = self._afterwards(growth, model, data, old, settings)
        if growth.memory is not None:
            growth.memory.save(self.folder.memory)
        metrics["packed"] = self._pack(tree, growth.seen, self.folder.model, metrics)
        if self.asked["distill_back"]:
            metrics["single"] = self._single(tree, growth, settings, metrics)
        tree.save(self.folder.tree)
        self.kept.append("the tree")
        self._report(model.tree, tree, growth, metrics)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return GrowJobResult(self.folder.path, metrics)

    def _grow(self, model: GrowModel, data: Data, old: Data | None, settings: GrowSettings) -> Growth:
        from leveret.grow import BranchRule, grow

        asked = self.asked
        rule = BranchRule(max_classes=asked["max_classes"], max_error=asked["max_error"])
        self.say(f"{data.name}: {len(data.train):,} training samples, {data.num_classes} classes")

        def done(task: Any, result: Mapping[str, Any]) -> None:
            if result["status"] == "ok":
                self.kept.append(f"the net of {task.key}")
                self.say(f"{task.key}: {count(result['epochs'], 'epoch', 'epochs')}, {duration(result['seconds'])}")

        with disk_errors(self.folder.path):
            return grow(
                model.tree.set_inference(beams=asked["beams"], blend=model.tree.blend),
                data,
                old=old,
                policy=asked["policy"],
                memory=model.memory,
                budget=asked["budget"],
                exemplars=asked["exemplars"],
                known=asked["known"],
                recipe=settings.recipe,
                rule=rule,
                groups=asked["groups"],
                shape=asked["shape"],
                seed=asked["seed"],
                out=self.folder.growth,
                workers=self.workers,
                threads=self.threads,
                say=self.say,
                done=done,
            )

    def _afterwards(
        self, growth: Growth, model: GrowModel, data: Data, old: Data | None, settings: GrowSettings
    ) -> tuple[ClassTree, dict[str, Any]]:
        """The tree, pruned where that was asked, and what is known of it."""
        from leveret.grow import accuracies, pruned, tested

        tree, figures = growth.tree, growth.figures
        tried: list[dict[str, Any]] = []
        if self.asked["prune"] and not tree.root.is_leaf:
            tree, tried = pruned(tree, growth.seen)
            before = None if old is None else tested(model.tree, model.tree.classes, growth.seen)
            figures = accuracies(tested(tree, tree.classes, growth.seen), before, model.tree.classes)
            tree.history[-1]["figures"] = figures
        for name in ("before", "old", "new", "accuracy"):
            if figures[name] is not None:
                self.say(f"{name}: {share(figures[name])}")
        return tree, metrics_of(growth, tree, model, data, figures, tried, settings)

    def _pack(self, net: Any, data: Data, path: Path, metrics: dict[str, Any]) -> bool:
        from leveret import __version__
        from leveret.jobs._packed_models import pack_net

        if data.kind != "image":
            return False
        try:
            pack_net(net, data, path, {"leveret": __version__, "data": metrics["data"]["name"]})
        except LeveretPackError as error:
            metrics["notes"].append(f"not packed: {error}")
            return False
        return True

    def _single(self, tree: ClassTree, growth: Growth, settings: GrowSettings, metrics: dict[str, Any]) -> Any:
        """One net that learns what the tree says."""
        from leveret.grow import distill_back, tested

        recipe = settings.recipe
        self.say("\nteaching the tree to one net")
        found = distill_back(
            tree,
            growth.trained_on,
            epochs=recipe.branch_epochs + recipe.leaf_epochs,
            batch_size=recipe.batch_size,
            lr=recipe.lr,
            augment=recipe.augment,
            keep_best=False,
            monitor="accuracy",
            seed=self.asked["seed"],
            out=self.folder.single,
            progress=self.progress,
            **recipe.options,
        )
        self.take("the single net", found)
        measured = tested(found.net, tree.classes, growth.seen)
        return {
            "accuracy": None if measured is None else measured.accuracy,
            "packed": self._pack(found.net.eval(), growth.seen, self.folder.single_model, metrics),
        }

    def _report(self, before: ClassTree, tree: ClassTree, growth: Growth, metrics: dict[str, Any]) -> None:
        from leveret._threads import default_threads
        from leveret.grow import tested
        from leveret.jobs._environment import environment
        from leveret.report.grow import grow_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(self.threads or default_threads())
        write_json(self.folder.metrics, metrics)
        evaluation = tested(tree, tree.classes, growth.seen)
        write_page(grow_page(public_data(growth.seen), metrics, evaluation), self.folder.report)
