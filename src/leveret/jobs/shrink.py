"""`shrink`, the main job: a teacher, a binary student that learns from it, packed, compared, reported.

Every stage leaves its output whole before the next begins, and `config.json` says whose they are, so that a run that
was stopped or killed at any moment goes on with `resume=True`: finished stages are loaded, a stage under way goes on
after its last finished epoch.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.jobs._data import load_with_test, public_data
from leveret.jobs._folder import RunFolder
from leveret.jobs._resumable import JobInterrupted, resume_command
from leveret.jobs._shrink_job import ShrinkJob, warn_of
from leveret.report.contender import Contender, headlines
from leveret.report.words import duration

__all__ = ["JobInterrupted", "ShrinkResult", "run"]


@dataclass(frozen=True)
class ShrinkResult:
    """What the main job left.

    Attributes:
        out: the folder with `model.lvr`, `report.html`, `metrics.json`, `config.json`, `teacher/`, `student/`.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def models(self) -> tuple[Contender, ...]:
        """Teacher, student and packed student."""
        return tuple(Contender.from_dict(values) for values in self.metrics["models"].values())

    @property
    def headlines(self) -> list[str]:
        """Accuracy, size and time of the packed student against the teacher, a sentence each."""
        return headlines(self.models)


def run(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    net: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    strict: bool = False,
    quick: bool = False,
    flip: bool | None = None,
    masks: bool = False,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> ShrinkResult:
    """Train, distil, pack, compare and report.

    Args:
        source: as for `leveret.load`; images.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        net, epochs, seed, flip, quick: as for the recipe: "convnet", "resnet20" or "resnet18"; of the teacher (the
            student's follow from them); of everything random; whether to train on mirrored images; a fifth of the
            epochs.
        resume: go on with the run in `out`; one that is finished is only read.
        strict: make unreadable samples an error instead of a counted warning.
        masks: take images with masks for a folder of classes, as the user knows better; for masks themselves there is
            `leveret.jobs.shrink_masks`.
        progress: say on stderr what goes on.
        data_options: passed on to `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = RunFolder(Path(out))
    folder.check(resume)
    options = {key: value for key, value in (data_options or {}).items() if value is not None}
    asked = {"net": net, "epochs": epochs, "quick": quick, "flip": flip, "seed": seed}
    task = {"task": "classify" if masks else None}
    again = resume_command("shrink", str(source), folder.path, {**task, **asked, **options, "strict": strict})
    job = _Job(folder, str(source), seed, progress, quick, again)
    with job.stoppable():
        return job.run(asked, {**options, "strict": strict}, masks)


class _Job(ShrinkJob):
    def run(self, asked: dict[str, Any], load_options: dict[str, Any], masks: bool) -> ShrinkResult:
        started = time.perf_counter()
        data = load_with_test(self.source, seed=self.seed, progress=self.progress, options=load_options, masks=masks)
        from leveret.jobs import _recipe

        recipe = _recipe.recipe_for(data, **asked)
        described = recipe.describe()
        self.folder.begin(_config(self.source, data, described, load_options, asked))
        if (before := self.finished()) is not None:
            return ShrinkResult(self.folder.path, before)
        self.say(f"{data.name}: {len(data.train):,} training images, {data.num_classes} classes")
        teacher = self.trained("teacher", functools.partial(recipe.train_teacher, data))
        student = self.trained("student", functools.partial(recipe.train_student, teacher.net, data))
        packed = self._pack(data, student, described)
        comparison = self._compare(data, teacher.net, student.net, packed)
        metrics = _metrics(data, teacher, student, packed, comparison)
        self._report(data, teacher, student, comparison, metrics, described)
        result = ShrinkResult(self.folder.path, metrics)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return result

    def _pack(self, data: Any, student: Any, described: dict[str, Any]) -> Any:
        import numpy as np
        import torch

        from leveret import packing

        def write(path: Path) -> None:
            example = data.normalization.apply(data.train.fetch(np.arange(min(4, len(data.train)))))
            packing.pack(
                student.net.eval(),
                torch.from_numpy(example),
                normalization=data.normalization,
                classes=data.classes,
                provenance=self.provenance(data, described.get("net"), validation_accuracy=student.best_accuracy),
            ).save(path)

        return self.packed(write)

    def _compare(self, data: Any, teacher: Any, student: Any, packed: Any) -> Any:
        from leveret.jobs._contenders import compare

        self.say("comparing")
        nbytes = self.folder.model.stat().st_size
        comparison = compare(data, teacher, student, packed, nbytes, seconds=self.seconds)
        warn_of(comparison.agreement, 0.999, "test images", comparison.noise)
        return comparison

    def _report(
        self,
        data: Any,
        teacher: Any,
        student: Any,
        comparison: Any,
        metrics: dict[str, Any],
        described: dict[str, Any],
    ) -> None:
        from leveret.jobs._environment import environment
        from leveret.jobs._samples import samples
        from leveret.report.main_job import MainJob, main_job_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(comparison.threads)
        write_json(self.folder.metrics, metrics)
        page = main_job_page(
            MainJob(
                data=public_data(data),
                contenders=comparison.contenders,
                evaluation=comparison.evaluation,
                teacher_history=teacher.history,
                student_history=student.history,
                samples=samples(data, comparison.evaluation),
                recipe=described,
                environment=metrics["environment"],
                agreement=comparison.agreement,
                timing_noise=comparison.noise,
                binary_bytes_ratio=metrics["binary_bytes_ratio"],
            )
        )
        write_page(page, self.folder.report)
        self.kept.append(self.folder.report.name)


def _config(
    source: str, data: Any, described: dict[str, Any], load_options: dict[str, Any], asked: dict[str, Any]
) -> dict[str, Any]:
    from leveret import __version__

    return {
        "leveret": __version__,
        "source": source,
        "options": {**{key: value for key, value in asked.items() if value is not None}, **load_options},
        # what a resumed run must have in common; the source may have moved
        "run": {
            "data": data_identity(data),
            "seed": asked["seed"],
            "recipe": described,
        },
    }


def _metrics(data: Any, teacher: Any, student: Any, packed: Any, comparison: Any) -> dict[str, Any]:
    first, last = comparison.contenders[0], comparison.contenders[-1]
    ratio = packed.binary_bytes_ratio
    return {
        "data": {"name": data.name, "classes": data.num_classes, "test_images": len(data.test)},
        "models": {contender.key: contender.as_dict() for contender in comparison.contenders},
        "accuracy_change": last.accuracy - first.accuracy,
        "times_smaller": first.bytes / last.bytes,
        "times_faster": first.ms_per_image / last.ms_per_image,
        "times_faster_in_batches": last.images_per_second / first.images_per_second,
        "binary_bytes_ratio": float(ratio) if ratio else None,
        "timing_noise": comparison.noise,
        "agreement": comparison.agreement,
        "largest_logit_difference": comparison.largest_difference,
        "training": {
            name: {"seconds": result.seconds, "samples_seen": result.samples_seen, "history": result.history}
            for name, result in (("teacher", teacher), ("student", student))
        },
        "packed": comparison.evaluation.as_dict(),
    }
