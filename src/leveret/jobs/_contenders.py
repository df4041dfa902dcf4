"""The comparison: teacher, student and packed student on the same test images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from leveret._threads import default_threads
from leveret.jobs._operations import count_operations, float_bytes
from leveret.jobs._speed import REST, best_threads, measure, torch_model
from leveret.metrics import Evaluation
from leveret.report.contender import Contender
from leveret.shrink.binary import by_floats_alone
from leveret.training import evaluate

__all__ = ["Comparison", "compare"]

_BATCH = 64


@dataclass(frozen=True)
class Comparison:
    """Who did how.

    Attributes:
        contenders: teacher, student, packed.
        evaluation: of the packed model on the test part.
        agreement: share of test images for which the packed model names the same class as the student in PyTorch.
        largest_difference: of their logits.
        threads: that all used, the number that suited the teacher best.
        noise: how far the machine was from quiet while the models were timed: the median turn over the fastest.
    """

    contenders: tuple[Contender, ...]
    evaluation: Evaluation
    agreement: float
    largest_difference: float
    threads: int
    noise: float


def compare(data: Any, teacher: Any, student: Any, packed: Any, packed_bytes: int, *, seconds: float) -> Comparison:
    """Evaluate and time all three.

    Args:
        data: its test part is used.
        teacher, student: torch nets.
        packed: the student, packed.
        packed_bytes: of its file.
        seconds: to spend on timing, per batch size.
    """
    pixels = data.test.fetch(np.arange(min(_BATCH, len(data.test))))
    with by_floats_alone():  # the student stands for PyTorch alone: the packed one is held against it
        evaluations = {
            "teacher": evaluate(teacher, data),
            "student": evaluate(student, data),
            "packed": evaluate(packed, data),
        }
    example = torch.from_numpy(data.normalization.apply(pixels[:1]))
    layers = packed.layers()
    work = {
        "teacher": count_operations(teacher, example),
        "student": count_operations(student, example),
        "packed": (sum(int(layer.macs) for layer in layers), sum(int(layer.binary_macs) for layer in layers)),
    }
    nbytes = {"teacher": float_bytes(teacher), "student": float_bytes(student), "packed": packed_bytes}
    reference = torch_model(teacher, data.normalization, pixels, default_threads())
    threads = best_threads(reference, pixels, default_threads())
    speeds = measure(
        {
            "teacher": torch_model(teacher, data.normalization, pixels, threads),
            "student": torch_model(student, data.normalization, pixels, threads),
            "packed": lambda images: packed(images, threads=threads),
        },
        pixels,
        threads=threads,
        batch=_BATCH,
        seconds=seconds,
        rest=REST,
    )
    return Comparison(
        tuple(_contender(key, evaluations[key], nbytes[key], speeds[key], work[key]) for key in evaluations),
        evaluations["packed"],
        *_agreement(evaluations),
        threads,
        max(speed.noise for speed in speeds.values()),
    )


_TITLES = {
    "teacher": ("teacher", "real net, PyTorch"),
    "student": ("student", "binary net, PyTorch"),
    "packed": ("packed", "binary net, model.lvr"),
}


def _contender(key: str, evaluation: Evaluation, nbytes: int, speed: Any, work: tuple[int, int]) -> Contender:
    title, what = _TITLES[key]
    return Contender(
        key=key,
        title=title,
        what=what,
        accuracy=evaluation.accuracy,
        interval=evaluation.interval,
        samples=len(evaluation.labels),
        loss=evaluation.loss,
        bytes=nbytes,
        ms_per_image=speed.ms_per_image,
        images_per_second=speed.images_per_second,
        batch=speed.batch,
        macs=work[0],
        binary_macs=work[1],
    )


def _agreement(evaluations: Mapping[str, Evaluation]) -> tuple[float, float]:
    student, packed = evaluations["student"], evaluations["packed"]
    same = float((student.predictions == packed.predictions).mean())
    return same, float(np.abs(student.logits - packed.logits).max())
