"""The comparison of nets for masks: a float net and a small one, in PyTorch and packed, on the same test images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leveret._threads import default_threads, limited_threads
from leveret.data.segmentation import window
from leveret.jobs._operations import count_operations, float_bytes, held_bytes
from leveret.jobs._speed import REST, best_threads, measure, torch_model
from leveret.jobs._tiling import segment
from leveret.report.mask_contender import MaskContender
from leveret.shrink.binary import by_floats_alone
from leveret.training.metrics import SegmentationEvaluation, SegmentationMeter

__all__ = ["MaskComparison", "Masks", "compare_masks", "masks_of"]

_BATCH = 8

Masks = Callable[[NDArray[np.uint8]], NDArray[Any]]  # pixels (n, channels, height, width) to classes (n, height, width)


@dataclass(frozen=True)
class MaskComparison:
    """Who did how.

    Attributes:
        contenders: teacher, the same packed, student, the same packed.
        evaluations: on the test part, by key; boundaries are looked at for the first and the last alone.
        agreement: share of the test pixels for which the packed model names the same class as the student in PyTorch.
        change: of an image's own mIoU, packed student less teacher: the mean, and the ends of its 95 % interval.
        threads: that all used, the number that suited the teacher best.
        noise: the median turn over the fastest, while they were timed.
    """

    contenders: tuple[MaskContender, ...]
    evaluations: Mapping[str, SegmentationEvaluation]
    agreement: float
    change: tuple[float, float, float]
    threads: int
    noise: float


def compare_masks(
    data: Any,
    teacher: Any,
    student: Any,
    packed: Mapping[str, Any],
    nbytes: Mapping[str, int],
    titles: Mapping[str, tuple[str, str]],
    *,
    seconds: float,
) -> MaskComparison:
    """Evaluate and time all four.

    Args:
        data: its test part is used.
        teacher, student: torch nets.
        packed: both packed, as "teacher_packed" and "packed".
        nbytes: of their files.
        titles: a name and a few words on each of "teacher", "teacher_packed", "student" and "packed".
        seconds: to spend on timing, per batch size.
    """
    tile = packed["packed"].input.shape[1:]
    pairs = data.test.pairs(np.arange(min(_BATCH, len(data.test))))
    pixels = np.stack([window(*pair, *tile)[0] for pair in pairs])
    example = torch.from_numpy(data.normalization.apply(pixels[:1]))
    most = default_threads()
    threads = best_threads(torch_model(teacher, data.normalization, pixels, most), pixels, most)
    models = {
        "teacher": torch_model(teacher, data.normalization, pixels, threads),
        "teacher_packed": _on(packed["teacher_packed"], threads),
        "student": torch_model(student, data.normalization, pixels, threads),
        "packed": _on(packed["packed"], threads),
    }
    # the student stands for PyTorch alone: the packed one is held against it
    with limited_threads(threads), by_floats_alone():
        evaluations, agreement = _evaluated(
            data, {key: masks_of(model, data, tile if "packed" in key else None) for key, model in models.items()}
        )
    speeds = measure(models, pixels, threads=threads, batch=_BATCH, seconds=seconds, rest=REST)
    work = {"teacher": count_operations(teacher, example), **{key: _operations(one) for key, one in packed.items()}}
    work["student"] = work["packed"]
    sizes = {"teacher": float_bytes(teacher), "student": held_bytes(student), **nbytes}
    contenders = tuple(
        MaskContender(
            key=key,
            title=titles[key][0],
            what=titles[key][1],
            miou=evaluations[key].miou,
            pixel_accuracy=evaluations[key].pixel_accuracy,
            images=len(data.test),
            bytes=sizes[key],
            ms_per_image=speeds[key].ms_per_image,
            images_per_second=speeds[key].images_per_second,
            batch=speeds[key].batch,
            macs=work[key][0],
            binary_macs=work[key][1],
        )
        for key in models
    )
    noise = max(speed.noise for speed in speeds.values())
    change = _mean_and_interval(evaluations["packed"].image_iou - evaluations["teacher"].image_iou)
    return MaskComparison(contenders, evaluations, agreement, change, threads, noise)


def masks_of(model: Callable[[Any], Any], data: Any, tile: tuple[int, int] | None) -> Masks:
    """A model as a function from images to classes.

    Args:
        model: pixels to maps of logits.
        data: says how large images are, and how many classes.
        tile: of a model of one size, that size; larger images are cut into tiles, as `leveret predict` has it.
    """
    if tile is None or tuple(tile) == tuple(data.image_shape[1:]):
        return lambda pixels: model(pixels).argmax(1)

    def tiled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        labels = np.empty((len(pixels), *pixels.shape[2:]), np.uint8)
        for one, filled in zip(pixels, labels, strict=True):
            segment(model, _Whole(one), tile, data.num_classes, filled)
        return labels

    return tiled


@dataclass
class _Whole:
    """An image in memory, as it is read by regions."""

    pixels: NDArray[np.uint8]

    @property
    def height(self) -> int:
        return self.pixels.shape[1]

    @property
    def width(self) -> int:
        return self.pixels.shape[2]

    def region(self, box: Any) -> NDArray[np.uint8]:
        left, top, right, bottom = box
        return self.pixels[:, top:bottom, left:right]


def _evaluated(data: Any, models: Mapping[str, Masks]) -> tuple[dict[str, SegmentationEvaluation], float]:
    """Each model on the test part, whose images are decoded once; and how often the last two say the same."""
    whole = ("teacher", "packed")
    meters = {
        key: SegmentationMeter(data.classes, tolerance=0.0075) if key in whole else _without_boundaries(data)
        for key in models
    }
    same = pixels = 0
    for start in range(0, len(data.test), _BATCH):
        images, masks = data.test.fetch_pairs(np.arange(start, min(start + _BATCH, len(data.test))))
        said = {key: model(images) for key, model in models.items()}
        for key, classes in said.items():
            meters[key].update(classes, masks)
        same += int((said["student"] == said["packed"]).sum())
        pixels += masks.size
    return {key: meter.compute() for key, meter in meters.items()}, same / pixels


def _without_boundaries(data: Any) -> SegmentationMeter:
    return SegmentationMeter(data.classes, tolerance=None)


def _on(model: Any, threads: int) -> Callable[[Any], Any]:
    return lambda images: model(images, threads=threads)


def _operations(model: Any) -> tuple[int, int]:
    layers = model.layers()
    return sum(int(layer.macs) for layer in layers), sum(int(layer.binary_macs) for layer in layers)


def _mean_and_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean over images that have labels, and its 95 % interval, by the normal distribution."""
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else 0.0
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else 0.0
    return mean, mean - 1.96 * error, mean + 1.96 * error
