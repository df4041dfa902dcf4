"""Small skewed data of each kind, and nets that other processes can make."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from leveret.data import from_arrays


def table(counts: tuple[int, ...] = (60, 24, 6), val: int = 5, seed: int = 0) -> Any:
    """Rows of two features: class c around (6c, 0), its odd samples around (6c, 4)."""
    generator = np.random.default_rng(seed)

    def rows(numbers: tuple[int, ...]) -> tuple[Any, Any]:
        y = np.repeat(np.arange(len(numbers)), numbers)
        x = np.stack([6 * y, 4 * (np.arange(len(y)) % 2)], axis=1) + generator.normal(size=(len(y), 2)) / 2
        return x, y

    x, y = rows(counts)
    x_val, y_val = rows((val,) * len(counts))
    return from_arrays(x, y, x_val=x_val, y_val=y_val, classes=["cat", "dog", "owl"][: len(counts)])


def images(counts: tuple[int, ...] = (20, 4), seed: int = 0) -> Any:
    """Grey 4x4 images: class 0 dark or bright, class 1 in between."""
    generator = np.random.default_rng(seed)
    y = np.repeat([0, 1], counts)
    level = np.where(y == 0, np.where(np.arange(len(y)) % 2, 30, 220), 120)
    x = (level[:, None, None] + generator.integers(-9, 10, size=(len(y), 4, 4))).astype(np.uint8)
    return from_arrays(x, y, classes=["cat", "dog"], val_fraction=0.0)


def texts() -> Any:
    """Class 0 of two subjects, class 1 of one."""
    said = ["the cat sat down", "a cat and a dog", "shares fell again", "markets and shares"] * 4
    return from_arrays([*said, "rain and wind", "wind, no rain"], [0] * 16 + [1] * 2, val_fraction=0.0)


def net(features: int = 2, classes: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 12), nn.ReLU(), nn.Linear(12, classes))


def image_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
