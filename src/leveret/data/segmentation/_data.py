"""`SegmentationData`: what images with masks are once loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret.data._types import Data
from leveret.data.segmentation._palette import Color, default_palette
from leveret.data.segmentation._split import SegmentationSplit

__all__ = ["SegmentationData"]


@dataclass
class SegmentationData(Data):
    """Images with masks, ready to train on: a `Data` of kind "segmentation".

    Its parts are `SegmentationSplit`s; `class_counts` counts pixels there.

    Attributes:
        colors: of each class, where masks are shown.
        scale: pixels of `fetch` per pixel of the source's images.
    """

    train: SegmentationSplit  # type: ignore[assignment]
    val: SegmentationSplit  # type: ignore[assignment]
    test: SegmentationSplit  # type: ignore[assignment]
    colors: tuple[Color, ...] = ()
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.colors:
            self.colors = default_palette(len(self.classes))

    def as_dict(self) -> dict[str, Any]:
        parts = (("train", self.train), ("val", self.val), ("test", self.test))
        return {
            **super().as_dict(),
            "class_images": {name: split.image_counts().tolist() for name, split in parts},
            "colors": [list(color) for color in self.colors],
            "scale": self.scale,
        }

    def summary(self) -> Any:
        from leveret.data.segmentation._summary import summary

        return summary(self)

    def contact_sheet(self, path: str | Path, *, columns: int = 4, seed: int = 0) -> Path:
        """Write a PNG of training images, each beside itself with its mask laid over, with a legend."""
        from leveret.data.segmentation._sheet import overlay_sheet

        return overlay_sheet(self, Path(path), columns=columns, seed=seed)
