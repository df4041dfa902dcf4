"""CamVid as the experiment takes it, and the schedule that all nets share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from leveret.context import Stages, street_backbone
from leveret.data import SegmentationData, load_segmentation, median_frequency_weights
from leveret.experiments._datasets import source_of
from leveret.training import JointAugment

__all__ = ["CAMVID", "QUICK", "Setting", "class_weights"]

# CamVid's own colours, but for the sky, whose grey is too like that of pixels without a label
_CLASSES = (
    ("sky", (135, 195, 235)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)
_UNLABELLED = 11


@dataclass(frozen=True)
class Setting:
    """A dataset, the backbone that all nets have, and how they are trained.

    Attributes:
        title: for the page.
        data: makes the dataset from the folder that the command names.
        backbone: called with `batch_norm` or `block`, as `street_backbone`.
        near: the same, with layers that see less around each place.
        stride: of the finest map that is classified.
        epochs, batch_size, lr, crop, scale: of every training.
        loss_stride: one pixel in each cell of so many a side tells the loss.
        seeds: how many, where the command doesn't say.
        rounds: of turns, where times are taken.
        note: on the parts, for the page.
    """

    title: str
    data: Callable[[Path | None], SegmentationData]
    backbone: Callable[..., Stages]
    near: Callable[..., Stages]
    stride: int
    epochs: int
    batch_size: int
    lr: float
    crop: tuple[int, int]
    scale: tuple[float, float]
    loss_stride: int = 2
    seeds: int = 3
    rounds: int = 21
    note: str = ""

    def schedule(self) -> dict[str, Any]:
        """As arguments of `fit`."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "weight_decay": 1e-2,
            "schedule": "one-cycle",
            "warmup": 0.2,
            "gradient_clip": 5.0,
            "augment": JointAugment(self.crop, scale=self.scale),
        }


def class_weights(data: SegmentationData) -> Tensor:
    """Of each class the root of its weight by median frequency, divided by their mean.

    The weights themselves, of 20 for poles against 0.1 for roads, find rare classes and say them far too often.
    """
    weights = torch.from_numpy(median_frequency_weights(data.train)).sqrt()
    return weights / weights.mean()


def _camvid(folder: Path | None) -> SegmentationData:
    """CamVid with the 11 classes and the parts of Badrinarayanan et al., 240x180.

    Raises:
        LeveretUsageError: no folder was given.
        LeveretDataError: it doesn't hold CamVid.
    """
    from leveret.data.segmentation import Entry

    named = [*(Entry(*one) for one in _CLASSES), Entry("unlabelled", ignored=True)]
    return load_segmentation(source_of("camvid", folder), classes=named, ignore_index=_UNLABELLED, in_memory=True)


CAMVID = Setting(
    title="CamVid, 240x180, 11 classes",
    data=_camvid,
    backbone=street_backbone,
    near=partial(street_backbone, depths=(1, 1, 1, 1)),
    stride=4,
    epochs=30,
    batch_size=8,
    lr=4e-3,
    crop=(180, 240),
    scale=(0.75, 1.5),
    note="The validation part is of a drive that most training images are of; the test part mostly of another one.",
)

QUICK = replace(
    CAMVID,
    title="Drawn streets, 64x48, 11 classes",
    backbone=partial(street_backbone, widths=(8, 12, 16, 16), depths=(1, 1, 1, 2)),
    near=partial(street_backbone, widths=(8, 12, 16, 16), depths=(1, 1, 1, 1)),
    epochs=2,
    lr=0.02,
    crop=(48, 64),
    seeds=1,
    rounds=2,
    note="",
)
