"""Images of shapes with masks, and a small net for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

COLORS = ((40, 40, 40), (220, 50, 50), (50, 200, 60))


def scene(generator: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `(height, width, 3)` and labels: background 0, a square 1, a stripe 2; a corner is ignored (255)."""
    height, width = size
    labels = np.zeros(size, np.uint8)
    top = int(generator.integers(0, height - 6))
    labels[top : top + 5] = 2
    row, column = int(generator.integers(0, height - 12)), int(generator.integers(0, width - 12))
    labels[row : row + 12, column : column + 12] = 1
    pixels = np.array(COLORS, np.float64)[labels] + generator.normal(0, 20, (*size, 3))
    labels[:3, :3] = 255
    return pixels.clip(0, 255).astype(np.uint8), labels


def write_pairs(folder: Path, generator: np.random.Generator, number: int, size: tuple[int, int]) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for i in range(number):
        pixels, labels = scene(generator, size)
        Image.fromarray(pixels).save(folder / "images" / f"{i:03}.png")
        Image.fromarray(labels).save(folder / "masks" / f"{i:03}.png")
    (folder / "classes.txt").write_text("background 40 40 40\nsquare 220 50 50\nstripe 50 200 60\n")
    return folder


class SmallFCN(nn.Module):
    """Two convolutions, one with stride 2, a classifier, and bilinear upsampling."""

    def __init__(self, classes: int = 3, channels: int = 3) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor) -> Any:
        scores = self.head(self.second(self.first(x)))
        return F.interpolate(scores, size=x.shape[2:], mode="bilinear", align_corners=False)
