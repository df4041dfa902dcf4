"""`leveret fit --task segment`: one net trained on images with masks, packed, measured and reported.

As `leveret.jobs.fit`, whose folder and way to resume it has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from leveret._files import write_json
from leveret.jobs._data import load_masks, public_data
from leveret.jobs._dense_fit_job import DenseFitJob, check_test_part
from leveret.jobs._fit_job import FitJobResult, checked_folder
from leveret.jobs._resumable import JobInterrupted, resume_command

if TYPE_CHECKING:  # `--help` needs none of it
    from torch import nn

    from leveret.data import SegmentationData
    from leveret.jobs._segment_trial import SegmentTrial

__all__ = ["JobInterrupted", "run"]


def run(
    source: str | os.PathLike[str] | SegmentationData,
    out: str | os.PathLike[str],
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    crop: int | tuple[int, int] | None = None,
    flip: bool | None = None,
    class_weights: str = "none",
    seed: int = 0,
    resume: bool = False,
    quick: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> FitJobResult:
    """Train a net on images with masks, pack it, measure it on the test part and report.

    Args:
        source: as for `leveret.data.load_segmentation`, or what it gave.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        net: "parsenet", "fcn" or "pyramid" (see `leveret.context`), a module (a copy is trained), or a function that
            gives one. Default: "parsenet".
        epochs: passes over the training part. Default: by the data's size.
        batch_size, lr: of training.
        crop: height and width of what is cut from the images so scaled at random, in pixels. Default: three quarters of
            the image, at most 512.
        flip: train on mirrored images, too. Default: yes.
        class_weights: "none", or "median": rare classes weigh more, by median frequency.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read.
        quick: a fifth of the epochs.
        strict: make unusable samples an error instead of a counted warning.
        threads: of torch. Default: the cores.
        progress: say on stderr what goes on.
        data_options: passed on to `load_segmentation`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretTrainingError: the training failed; says why.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = checked_folder(out, resume, threads)
    load_options = {key: value for key, value in (data_options or {}).items() if value is not None}
    again = "the same call with resume=True"
    if isinstance(source, str | os.PathLike) and isinstance(net, str | None):
        asked = {"task": "segment", "net": net, "epochs": epochs, "batch_size": batch_size, "lr": lr, "crop": crop}
        also = {"class_weights": class_weights, "seed": seed, "quick": quick, "flip": flip, "threads": threads}
        again = resume_command("fit", str(source), folder.path, {**asked, **also, **load_options, "strict": strict})
    job = _Job(folder, seed, threads, progress, again)
    with job.stoppable():
        from leveret.jobs._segment_recipe import segment_recipe

        data = load_masks(source, seed=seed, progress=progress, options={**load_options, "strict": strict})
        check_test_part(data)
        recipe = segment_recipe(
            data,
            net=net,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            crop=crop,
            flip=flip,
            class_weights=class_weights,
            quick=quick,
            seed=seed,
        )
        return job.run(str(getattr(source, "source", source)), data, recipe)


class _Job(DenseFitJob):
    task = "segment"
    counted = "pixels"

    def _told(self, data: SegmentationData) -> str:
        _, height, width = data.image_shape
        return f"{data.name}: {len(data.train):,} training images of {height}x{width}, {data.num_classes} classes"

    def _trial(self, **options: Any) -> SegmentTrial:
        from leveret._threads import default_threads
        from leveret.jobs._segment_trial import SegmentTrial

        return SegmentTrial(threads=self.threads or default_threads(), **options)

    def _metrics(
        self, data: SegmentationData, described: dict[str, Any], trial: SegmentTrial, result: dict[str, Any]
    ) -> dict[str, Any]:
        from leveret.jobs._environment import environment
        from leveret.jobs._segment_trial import kept_evaluation

        found = {part: kept_evaluation(trial.folder, data, part) for part in ("val", "test")}
        return {
            "task": "segment",
            "data": {
                "name": data.name,
                "kind": data.kind,
                "classes": data.num_classes,
                "test_images": len(data.test),
                "train_pixels": [int(n) for n in data.train.class_counts()],
            },
            "recipe": described,
            "result": result,
            "packed": trial.model.exists(),
            **{part: one.as_dict() for part, one in found.items() if one is not None},
            "environment": environment(trial.threads),
        }

    def _report(self, data: SegmentationData, metrics: dict[str, Any], trial: SegmentTrial) -> None:
        from leveret.jobs._segment_trial import kept_evaluation, kept_masks
        from leveret.report.page import write_page
        from leveret.report.segment import Shown, segment_page

        write_json(self.folder.metrics, metrics)
        test = kept_evaluation(trial.folder, data, "test")
        assert test is not None
        where = data.test.where
        shown = []
        for index, worst, said in zip(*kept_masks(trial.folder), strict=True):
            pixels, labels = (one[0] for one in data.test.fetch_pairs([index]))
            iou = float(test.image_iou[index])
            shown.append(Shown(pixels, labels, said, where[index], iou, bool(worst)))
        write_page(segment_page(public_data(data), metrics, test, shown), self.folder.report)
