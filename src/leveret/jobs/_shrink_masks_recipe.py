"""How `leveret shrink --task segment` trains: the float net as `fit` does, then a small one that learns from it.

"binary": the same net on a backbone of binary blocks, somewhat wider, which takes for each pixel what the teacher takes
it for. As for classes of images it learns in two stages: binary activations with real weights, then all binary
(Martinez et al., ICLR 2020). What classifies stays real, and so does the first stage, which sees pixels.

"int8": the teacher itself with weights and values of one byte in its backbone, found from some training images. Its
first stage stays real, too: with three channels of pixels to take, bytes would slow it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret.data import SegmentationData
from leveret.errors import LeveretUsageError
from leveret.jobs._described import described_net
from leveret.jobs._segment_recipe import NETS, SegmentRecipe, named_segmenter, segment_recipe
from leveret.shrink import quantize
from leveret.shrink.binary import BiRealBlock, set_binary_weights
from leveret.training import Distillation, FitResult

__all__ = ["METHODS", "MaskShrinkRecipe", "mask_shrink_recipe"]

METHODS = ("binary", "int8")
# a bit a weight is so cheap that width pays: the file grows by some dozen kB
_WIDTHS = (32, 96, 192, 192)
_TEMPERATURE = 2.0
_HARD = 0.1
_REAL = ("backbone.stages.0", "heads")  # of a net of bytes
_SHOWN, _BATCH = 64, 8  # images that show which values layers take


@dataclass(frozen=True)
class MaskShrinkRecipe:
    """Everything that the main job decides for the user, for images with masks.

    Attributes:
        teacher: how the float net is trained.
        method: "binary" or "int8".
        channels, classes: of the data.
        student_epochs: of each of a binary student's two stages.
        student_lr: of these.
    """

    teacher: SegmentRecipe
    method: str
    channels: int
    classes: int
    student_epochs: tuple[int, int]
    student_lr: float

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        described = {"net": self.teacher.name, "method": self.method, "teacher": self.teacher.describe()}
        if self.method == "binary":
            described["student"] = {
                **described_net(self.student(), self.teacher.name),
                "epochs": list(self.student_epochs),
                "lr": self.student_lr,
                "temperature": _TEMPERATURE,
                "hard_weight": _HARD,
            }
        return described

    def student(self) -> nn.Module:
        """A new binary net."""
        torch.manual_seed(self.teacher.seed + 1)
        return named_segmenter(self.teacher.name, self.channels, self.classes, widths=_WIDTHS, block=BiRealBlock)

    def train_teacher(
        self, data: SegmentationData, out: Path | None, *, resume: bool = False, progress: bool = True
    ) -> FitResult:
        """Train the float net; with `resume` a run that `out` holds goes on, or is only loaded if it was finished."""
        torch.manual_seed(self.teacher.seed)
        return self.teacher.train(
            self.teacher.make_net(), data, out, stage="teacher", resume=_when(resume), progress=progress
        )

    def train_student(
        self,
        teacher: nn.Module,
        data: SegmentationData,
        out: Path | None,
        *,
        resume: bool = False,
        progress: bool = True,
    ) -> FitResult:
        """The small net. A binary one's stages have folders of their own under `out`; bytes take no training."""
        if self.method == "int8":
            return FitResult(quantize(teacher, self._calibration(data), skip=_REAL), monitor="miou")
        net = self.student()
        history: list[dict[str, Any]] = []
        result = None
        for stage, epochs in zip(("activations", "weights"), self.student_epochs, strict=True):
            set_binary_weights(net, stage == "weights")
            if epochs == 0:
                continue
            seen = result.samples_seen if result else 0
            result = self.teacher.train(
                net,
                data,
                None if out is None else out / stage,
                objective=Distillation(teacher, temperature=_TEMPERATURE, hard_weight=_HARD),
                epochs=epochs,
                lr=self.student_lr,
                # decay pulls the real weights behind the signs towards zero, where they flip at random
                weight_decay=self.teacher.options["weight_decay"] if stage == "activations" else 0.0,
                gradient_clip=5.0,
                stage=stage,
                resume=_when(resume),
                progress=progress,
            )
            history += [{**row, "samples_seen": row["samples_seen"] + seen} for row in result.history]
            result = replace(result, history=history, samples_seen=result.samples_seen + seen)
            if result.interrupted:
                break
        assert result is not None
        return replace(result, seconds=sum(row["seconds"] for row in history))

    def _calibration(self, data: SegmentationData) -> Iterator[torch.Tensor]:
        """Images of the whole training part, normalised, in batches."""
        chosen = np.unique(np.linspace(0, len(data.train) - 1, _SHOWN).round().astype(np.int64))
        for start in range(0, len(chosen), _BATCH):
            yield torch.from_numpy(data.normalization.apply(data.train.fetch(chosen[start : start + _BATCH])))


def mask_shrink_recipe(
    data: SegmentationData, *, net: str | None = None, method: str = "binary", **options: Any
) -> MaskShrinkRecipe:
    """The recipe for `data`.

    Args:
        data: images with masks.
        net: one of `NETS`; default "parsenet".
        method: "binary" or "int8".
        options: of `segment_recipe`, for the teacher; the student trains as many epochs over its two stages.

    Raises:
        LeveretUsageError: an unknown net or method, a number out of range, too few images.
    """
    if method not in METHODS:
        raise LeveretUsageError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    if not isinstance(net, str | None):
        raise LeveretUsageError(f"net must be one of {', '.join(NETS)}, by name; got {type(net).__name__}")
    teacher = segment_recipe(data, net=net, **options)
    student = max(2, teacher.epochs) if method == "binary" else 0
    weights = round(0.6 * student)
    return MaskShrinkRecipe(
        teacher=teacher,
        method=method,
        channels=data.image_shape[0],
        classes=data.num_classes,
        student_epochs=(student - weights, weights),
        student_lr=2e-3,
    )


def _when(resume: bool) -> Any:
    return "auto" if resume else False
