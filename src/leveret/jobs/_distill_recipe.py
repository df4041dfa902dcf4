"""How `leveret distill` works: which teachers and which student, from how many views, and for how long."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from leveret.data import Data
from leveret.distill import ConvTeachers, ShallowStudents
from leveret.errors import LeveretUsageError
from leveret.nets import Links
from leveret.training import Augment

__all__ = ["STUDENTS", "DistillRecipe", "distill_recipe", "parameter_count"]

STUDENTS = ("conv0", "conv1", "conv2", "conv3", "conv4")

_LARGE = 20_000
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True)
class DistillRecipe:
    """Everything that the job decides for the user.

    Attributes:
        members: teachers.
        teachers: how they are searched.
        views: of the transfer set.
        trials: hyper-parameters to try for the student, and for its twin on hard labels.
        student: how it learns from the transfer set.
        hard: how its twin learns the labels of the same views.
        augment: what the transfer set's views went through.
        seed: of everything random.
    """

    members: int
    teachers: ConvTeachers
    views: int
    trials: int
    student: ShallowStudents
    hard: ShallowStudents
    augment: Augment
    seed: int

    @property
    def digest(self) -> str:
        """A short text that tells this recipe's search of teachers from others, in a storage that many share."""
        return hashlib.sha256(json.dumps(self.teachers.describe()).encode()).hexdigest()[:8]

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        return {
            "members": self.members,
            "teachers": self.teachers.describe(),
            "views": self.views,
            "trials": self.trials,
            "student": self.student.describe(),
            "hard labels": self.hard.describe(),
            "augment": self.augment.as_dict(),
        }


def distill_recipe(
    data: Data,
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
    quick: bool = False,
    seed: int = 0,
) -> DistillRecipe:
    """The recipe for `data`; arguments as for `leveret.jobs.distill.run`.

    Raises:
        LeveretUsageError: texts instead of images, an unknown student, a number out of range, too few images.
    """
    if data.kind != "image":
        raise LeveretUsageError(f"{data.source} holds {data.kind}s; students are nets for images")
    if student not in STUDENTS:
        raise LeveretUsageError(f"student must be one of {', '.join(STUDENTS)}, got {student!r}")
    images = len(data.train)
    if images < 2 * data.num_classes:
        raise LeveretUsageError(f"{images} training images are too few for {data.num_classes} classes")
    if len(data.val) == 0:
        raise LeveretUsageError(f"{data.source} has no validation part to select teachers by; leave some")
    given = {"members": members, "epochs": epochs, "views": views, "student_epochs": student_epochs, "trials": trials}
    for name, value in given.items():
        if value is not None and value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    channels, height, width = data.image_shape
    side, colour, many = min(height, width), channels == 3, images >= _LARGE
    mirrored = colour if flip is None else flip
    shrink = 5 if quick else 1
    if epochs is None:
        epochs = max(2, ((16 if colour else 8) if many else 30) // shrink)
    if views is None:
        # an augmented image is a new sample to learn from, up to a point; few images need more views of each
        views = max(images, (4 if many else 40) * images // shrink)
    if student_epochs is None:
        student_epochs = max(1, 5 // shrink)
    augment = Augment(flip=mirrored, shift=max(1, side // 8), cutout=side // 4 if many else 0)
    common: dict[str, Any] = {
        "conv_layers": int(student.removeprefix("conv")),
        "params": parameter_count(params),
        "links": Links(steps=lateral) if lateral else None,
        "batch_size": 128 if views >= 20_000 else 32,
    }
    return DistillRecipe(
        members=members,
        teachers=ConvTeachers(epochs=epochs, flip=mirrored),
        views=views,
        trials=trials,
        student=ShallowStudents(**common, epochs=student_epochs),
        hard=ShallowStudents(**common, epochs=student_epochs, hard_weight=1.0),
        augment=augment,
        seed=seed,
    )


def parameter_count(text: int | str) -> int:
    """1000000, "1M", "31.6M" or "300k" as a number.

    Raises:
        LeveretUsageError: it is none, or below 1.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", str(text).strip())
    number = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if number < 1:
        raise LeveretUsageError(f"params must be a number of weights such as 300k, 1M or 1000000, got {text!r}")
    return number
