"""`ConvTeachers`: which plain convolutional nets may become teachers, and how they are trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet
from leveret.training import Augment, CrossEntropy

__all__ = ["ConvTeachers"]

_LARGE = 20_000


@dataclass(frozen=True)
class ConvTeachers:
    """`ConvNet`s of several depths and widths, by SGD on the labels, as Urban et al. (section 2.1) search them.

    What is searched: depth, width, dropout, learning rate, weight decay, and how far images are shifted and cut. The
    first member is one that is known to do. Labels are not smoothed, since that takes from the logits what a student
    learns from (Müller et al., NeurIPS 2019, section 4).

    Attributes:
        epochs: of each member; None: by the number and kind of the training images.
        flip: whether mirrored images are still of their class; None: yes for colour images, no for grey ones.
        widths: of the first stage, smallest and largest; None: by the images' side and channels.
        depths: convolutions, fewest and most.
        batch_size: None: by the number of images.
    """

    epochs: int | None = None
    flip: bool | None = None
    widths: tuple[int, int] | None = None
    depths: tuple[int, int] = (4, 7)
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise LeveretUsageError(f"epochs must be at least 1, got {self.epochs}")
        for name, pair in (("widths", self.widths), ("depths", self.depths)):
            if pair is not None and not 1 <= pair[0] <= pair[1]:
                raise LeveretUsageError(f"{name} must be a smallest and a largest of at least 1, got {pair}")

    @property
    def first(self) -> tuple[dict[str, Any], ...]:
        """Hyper-parameters to try before any others."""
        depth = min(max(6, self.depths[0]), self.depths[1])
        usual = {"depth": depth, "width": 0.5, "dropout": 0.0, "lr": 0.1, "weight_decay": 5e-4}
        return ({**usual, "reach": 0.5, "cutout": 0.0},)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """From an Optuna trial; `reach` and `cutout` are shares of the largest shift and hole that suit the images."""
        return {
            "depth": trial.suggest_int("depth", *self.depths),
            "width": trial.suggest_float("width", 0.0, 1.0),
            "dropout": trial.suggest_float("dropout", 0.0, 0.4),
            "lr": trial.suggest_float("lr", 0.02, 0.2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 2e-3, log=True),
            "reach": trial.suggest_float("reach", 0.0, 1.0),
            "cutout": trial.suggest_float("cutout", 0.0, 1.0),
        }

    def net(self, params: dict[str, Any], data: Any) -> nn.Module:
        """A net of these hyper-parameters for the data."""
        channels, height, width = data.image_shape
        side = min(height, width)
        low, high = self.widths or _widths(channels, side)
        first = low * (high / low) ** params["width"]
        # multiples of 8 fill vectors, where the range has several
        first = round(first / 8) * 8 if high - low >= 16 else round(first)
        return ConvNet(
            channels,
            data.num_classes,
            depth=params["depth"],
            width=min(max(first, low), high),
            stages=2 if side <= 12 else 3,
            stem_pool=side > 40,
            dropout=params["dropout"],
        )

    def settings(self, params: dict[str, Any], data: Any) -> dict[str, Any]:
        """Options of `fit` for it."""
        channels, height, width = data.image_shape
        images, side, colour = len(data.train), min(height, width), channels == 3
        epochs = self.epochs
        if epochs is None:
            epochs = (16 if colour else 8) if images >= _LARGE else 30
        largest = max(1, side // 8)
        return {
            "objective": CrossEntropy(),
            "epochs": epochs,
            "batch_size": self.batch_size or (128 if images >= 4_000 else 32),
            "optimizer": "sgd",
            "lr": params["lr"] / (1 if images >= 4_000 else 2),
            "weight_decay": params["weight_decay"],
            "schedule": "one-cycle",
            "warmup": 0.2,
            "gradient_clip": 5.0,
            "augment": Augment(
                flip=colour if self.flip is None else self.flip,
                shift=round(params["reach"] * largest),
                cutout=round(params["cutout"] * 2 * largest),
            ),
        }

    def describe(self) -> dict[str, Any]:
        """What the search is, for JSON: by it, a later run knows its own."""
        return {"search": "ConvTeachers", **asdict(self)}

    @classmethod
    def from_dict(cls, described: dict[str, Any]) -> ConvTeachers:
        """What `describe` gave, perhaps by way of JSON."""
        options: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in described.items()
            if key != "search"
        }
        return cls(**options)


def _widths(channels: int, side: int) -> tuple[int, int]:
    if side <= 12:
        return 32, 96
    return (32, 96) if channels == 3 else (16, 48)
