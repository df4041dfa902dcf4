"""`leveret shrink --task segment`, the main job for masks: a float net, a small one of it, packed, compared, reported.

As `leveret.jobs.shrink`, whose folder and way to resume it has.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.errors import LeveretUsageError
from leveret.jobs._data import load_masks, public_data
from leveret.jobs._folder import RunFolder
from leveret.jobs._resumable import JobInterrupted, resume_command
from leveret.jobs._shrink_job import ShrinkJob, warn_of
from leveret.report.mask_contender import MaskContender, mask_headlines
from leveret.report.words import duration

if TYPE_CHECKING:  # `--help` needs none of it
    from leveret.data import SegmentationData
    from leveret.jobs._mask_contenders import MaskComparison

__all__ = ["JobInterrupted", "MaskShrinkResult", "run"]

_WORDS = {"binary": "binary net", "int8": "net of bytes"}


@dataclass(frozen=True)
class MaskShrinkResult:
    """What the main job left.

    Attributes:
        out: the folder with `model.lvr`, `report.html`, `metrics.json`, `config.json`, `teacher/`, `student/`.
        metrics: the content of `metrics.json`.
    """

    out: Path
    metrics: dict[str, Any]

    @property
    def models(self) -> tuple[MaskContender, ...]:
        """The float net, in PyTorch and packed, and the small one, in PyTorch and packed."""
        return tuple(MaskContender.from_dict(values) for values in self.metrics["models"].values())

    @property
    def headlines(self) -> list[str]:
        """Mean IoU, size and time of the packed small net against the float one, a sentence each."""
        return mask_headlines(self.models)


def run(
    source: str | os.PathLike[str] | SegmentationData,
    out: str | os.PathLike[str],
    *,
    net: str | None = None,
    method: str = "binary",
    epochs: int | None = None,
    crop: int | tuple[int, int] | None = None,
    flip: bool | None = None,
    class_weights: str = "none",
    seed: int = 0,
    resume: bool = False,
    quick: bool = False,
    strict: bool = False,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> MaskShrinkResult:
    """Train a float net on images with masks, make a small one of it, pack, compare and report.

    Args:
        source: as for `leveret.data.load_segmentation`, or what it gave.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        net: "parsenet", "fcn" or "pyramid" (see `leveret.context`). Default: "parsenet".
        method: "binary": a net with a backbone of binary blocks learns what the float one says; "int8": the float
            one's backbone gets weights and values of one byte, without further training.
        epochs: of the float net; a binary one trains as many. Default: by the data's size.
        crop, flip, class_weights: of training, as for `leveret.jobs.segment`.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read.
        quick: a fifth of the epochs.
        strict: make unusable samples an error instead of a counted warning.
        progress: say on stderr what goes on.
        data_options: passed on to `load_segmentation`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretTrainingError: a training failed; says why.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = RunFolder(Path(out))
    folder.check(resume)
    options = {key: value for key, value in (data_options or {}).items() if value is not None}
    asked: dict[str, Any] = {
        "net": net,
        "method": method,
        "epochs": epochs,
        "crop": crop,
        "class_weights": class_weights,
    }
    also: dict[str, Any] = {"quick": quick, "flip": flip, "seed": seed}
    again = "the same call with resume=True"
    if isinstance(source, str | os.PathLike):
        given = {"task": "segment", **asked, **also, **options, "strict": strict}
        again = resume_command("shrink", str(source), folder.path, given)
    job = _Job(folder, str(getattr(source, "source", source)), seed, progress, quick, again)
    with job.stoppable():
        from leveret.jobs._shrink_masks_recipe import mask_shrink_recipe

        data = load_masks(source, seed=seed, progress=progress, options={**options, "strict": strict})
        if len(data.test) == 0:
            raise LeveretUsageError(f"{data.source} has no test part to compare on; leave test_fraction above 0")
        return job.run(data, mask_shrink_recipe(data, **asked, **also))


class _Job(ShrinkJob):
    def run(self, data: SegmentationData, recipe: Any) -> MaskShrinkResult:
        from leveret import __version__

        started = time.perf_counter()
        described = recipe.describe()
        # what a resumed run must have in common
        common = {
            "task": "segment",
            "data": data_identity(data),
            "pixels": [int(n) for n in data.train.class_counts()],
            "seed": self.seed,
            "recipe": described,
        }
        self.folder.begin({"leveret": __version__, "source": self.source, "run": common})
        if (before := self.finished()) is not None:
            return MaskShrinkResult(self.folder.path, before)
        _, height, width = data.image_shape
        self.say(
            f"{data.name}: {len(data.train):,} training images of {height}x{width}, {data.num_classes} classes; "
            f"{described['net']} with {described['teacher']['parameters']:,} weights"
        )
        teacher = self.trained("teacher", functools.partial(recipe.train_teacher, data))
        student = self.trained("student", functools.partial(recipe.train_student, teacher.net, data))
        packed = self._pack(data, recipe, teacher, student)
        comparison = self._compare(data, recipe, teacher.net, student.net, packed)
        metrics = self._metrics(data, described, teacher, student, packed, comparison)
        self._report(data, metrics, comparison, packed)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return MaskShrinkResult(self.folder.path, metrics)

    def _pack(self, data: SegmentationData, recipe: Any, teacher: Any, student: Any) -> dict[str, Any]:
        """Both nets: the float one too, beside its checkpoints, to tell what few bits gain from what packing does."""
        from leveret import runtime
        from leveret.jobs._segment_trial import pack_segmenter

        def write(trained: Any, words: str, path: Path) -> None:
            provenance = self.provenance(data, f"{recipe.teacher.name}, {words}", validation_miou=trained.best_score)
            pack_segmenter(trained.net.eval(), data, recipe.teacher.tile, path, provenance)

        packed = self.packed(lambda path: write(student, recipe.method, path))
        float_model = self.folder.teacher / self.folder.model.name
        write(teacher, "float", float_model)
        return {"teacher_packed": runtime.load(float_model), "packed": packed}

    def _compare(
        self, data: SegmentationData, recipe: Any, teacher: Any, student: Any, packed: dict[str, Any]
    ) -> MaskComparison:
        from leveret.jobs._mask_contenders import compare_masks

        self.say("comparing")
        name, words = self.folder.model.name, _WORDS[recipe.method]
        comparison = compare_masks(
            data,
            teacher,
            student,
            packed,
            {
                "teacher_packed": (self.folder.teacher / name).stat().st_size,
                "packed": self.folder.model.stat().st_size,
            },
            {
                "teacher": ("real", "float net, PyTorch"),
                "teacher_packed": ("real, packed", f"float net, teacher/{name}"),
                "student": ("small", f"{words}, PyTorch"),
                "packed": ("small, packed", f"{words}, {name}"),
            },
            seconds=self.seconds,
        )
        warn_of(comparison.agreement, 0.995, "test pixels", comparison.noise)
        return comparison

    def _metrics(
        self,
        data: SegmentationData,
        described: dict[str, Any],
        teacher: Any,
        student: Any,
        packed: dict[str, Any],
        comparison: MaskComparison,
    ) -> dict[str, Any]:
        from leveret.jobs._environment import environment

        first, last = comparison.contenders[0], comparison.contenders[-1]
        ratio = packed["packed"].binary_bytes_ratio
        return {
            "task": "segment",
            "data": {
                "name": data.name,
                "classes": data.num_classes,
                "train_images": len(data.train),
                "test_images": len(data.test),
            },
            "recipe": described,
            "models": {contender.key: contender.as_dict() for contender in comparison.contenders},
            "miou_change": last.miou - first.miou,
            "image_change": list(comparison.change),
            "times_smaller": first.bytes / last.bytes,
            "times_faster": first.ms_per_image / last.ms_per_image,
            "times_faster_in_batches": last.images_per_second / first.images_per_second,
            "binary_bytes_ratio": float(ratio) if ratio else None,
            "timing_noise": comparison.noise,
            "agreement": comparison.agreement,
            "training": {
                name: {"seconds": result.seconds, "samples_seen": result.samples_seen, "history": result.history}
                for name, result in (("teacher", teacher), ("student", student))
            },
            "teacher": comparison.evaluations["teacher"].as_dict(),
            "test": comparison.evaluations["packed"].as_dict(),
            "environment": environment(comparison.threads),
        }

    def _report(
        self, data: SegmentationData, metrics: dict[str, Any], comparison: MaskComparison, packed: dict[str, Any]
    ) -> None:
        from leveret.jobs._mask_contenders import masks_of
        from leveret.jobs._segment_trial import worst_and_best
        from leveret.report.mask_blocks import Shown
        from leveret.report.page import write_page
        from leveret.report.shrink_masks import shrink_masks_page

        write_json(self.folder.metrics, metrics)
        before, after = (comparison.evaluations[key] for key in ("teacher", "packed"))
        model = masks_of(packed["packed"], data, packed["packed"].input.shape[1:])
        where = data.test.where
        shown = []
        for index, worst in zip(*worst_and_best(after), strict=True):
            pixels, labels = data.test.fetch_pairs([index])
            iou = float(after.image_iou[index])
            shown.append(Shown(pixels[0], labels[0], model(pixels)[0], where[index], iou, bool(worst)))
        page = shrink_masks_page(public_data(data), metrics, comparison.contenders, before, after, shown)
        write_page(page, self.folder.report)
        self.kept.append(self.folder.report.name)
