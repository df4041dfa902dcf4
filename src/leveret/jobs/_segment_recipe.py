"""How `leveret fit --task segment` trains: which net, for how long, with what."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from leveret.data import SegmentationData, median_frequency_weights
from leveret.errors import LeveretUsageError
from leveret.jobs._checks import check_training
from leveret.jobs._described import described_net
from leveret.jobs._given_net import maker_of
from leveret.training import CrossEntropy, FitResult, JointAugment, fit

__all__ = ["NETS", "SegmentRecipe", "named_segmenter", "segment_recipe"]

NETS = ("parsenet", "fcn", "pyramid")
WEIGHTS = ("none", "median")
_SMALL = 1_000
_LARGEST_TILE = 512


@dataclass(frozen=True)
class SegmentRecipe:
    """Everything that a training decides for the user.

    Attributes:
        make_net: gives the net, fresh, drawn with torch's seed of the moment.
        name: of the net: one of `NETS`, or a given net's class.
        epochs, batch_size, lr, augment: as for `fit`.
        class_weights: "none", or "median": by median frequency.
        tile: height and width of the images that the packed net takes.
        options: further options of `fit`.
        seed: of everything random.
    """

    make_net: Callable[[], nn.Module]
    name: str
    epochs: int
    batch_size: int
    lr: float
    augment: JointAugment
    class_weights: str
    tile: tuple[int, int]
    options: dict[str, Any]
    seed: int

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        torch.manual_seed(self.seed)
        return {
            **described_net(self.make_net(), self.name),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "augment": self.augment.as_dict(),
            "class_weights": self.class_weights,
            "tile": list(self.tile),
            **self.options,
        }

    def objective(self, data: SegmentationData) -> CrossEntropy:
        """Cross-entropy, weighted as the recipe says."""
        if self.class_weights == "none":
            return CrossEntropy()
        return CrossEntropy(class_weights=torch.from_numpy(median_frequency_weights(data.train)))

    def train(self, net: nn.Module, data: SegmentationData, out: Path | None, **changed: Any) -> FitResult:
        """Train `net` as the recipe says; `changed` are arguments of `fit` in place of the recipe's, or beside."""
        settings: dict[str, Any] = {
            "objective": self.objective(data),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "augment": self.augment,
            "seed": self.seed,
            "stage": "training",
            **self.options,
        }
        return fit(net, data, out=out, **{**settings, **changed})


def segment_recipe(
    data: SegmentationData,
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    crop: int | tuple[int, int] | None = None,
    flip: bool | None = None,
    class_weights: str = "none",
    quick: bool = False,
    seed: int = 0,
) -> SegmentRecipe:
    """The recipe for `data`; arguments as for `leveret.jobs.segment.run`.

    Raises:
        LeveretUsageError: an unknown net, a number out of range, too few images.
    """
    check_training(epochs=epochs, batch_size=batch_size, lr=lr)
    if class_weights not in WEIGHTS:
        raise LeveretUsageError(f"class_weights must be one of {', '.join(WEIGHTS)}; got {class_weights!r}")
    if len(data.train) < 2:
        raise LeveretUsageError(f"training needs at least 2 images, the training part has {len(data.train)}")
    _, height, width = data.image_shape
    if crop is None:
        # three quarters of the image show most of what there is, and each time something else
        crop = min(_LARGEST_TILE, _multiple(0.75 * height)), min(_LARGEST_TILE, _multiple(0.75 * width))
    if epochs is None:
        epochs = 80 if len(data.train) < _SMALL else 40
        epochs = max(2, epochs // 5) if quick else epochs
    make, name = _maker(net, data)
    return SegmentRecipe(
        make_net=make,
        name=name,
        epochs=epochs,
        batch_size=batch_size or 8,
        lr=lr or 2e-3,
        augment=JointAugment(crop, flip=flip is not False, scale=(0.6, 1.8)),
        class_weights=class_weights,
        tile=(min(height, _LARGEST_TILE), min(width, _LARGEST_TILE)),
        options={"optimizer": "adamw", "schedule": "cosine", "weight_decay": 1e-3, "warmup": 0.05},
        seed=seed,
    )


def _multiple(side: float) -> int:
    """Rounded to what nets with strides up to 16 divide, where there is that much."""
    return max(16, round(side / 16) * 16) if side >= 16 else max(1, round(side))


def _maker(net: Any, data: SegmentationData) -> tuple[Callable[[], nn.Module], str]:
    if (given := maker_of(net)) is not None:
        return given
    name = net or NETS[0]
    if name not in NETS:
        raise LeveretUsageError(f"a net for segmentation must be one of {', '.join(NETS)}, got {net!r}")
    return functools.partial(named_segmenter, name, data.image_shape[0], data.num_classes), name


def named_segmenter(name: str, channels: int, classes: int, **backbone: Any) -> nn.Module:
    """On the small backbone for street scenes, with skips down to stride 4.

    Args:
        name: one of `NETS`.
        channels, classes: of the data.
        backbone: options of `street_backbone`.
    """
    from leveret.context import FCN, ParseNet, street_backbone

    stages = street_backbone(channels, **backbone)
    if name == "fcn":
        return FCN(stages, classes, stride=4, in_channels=channels, dropout=0.1)
    return ParseNet(stages, classes, stride=4, in_channels=channels, dropout=0.1, pyramid=name == "pyramid")
