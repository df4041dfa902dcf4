"""Teachers and augmentations that other processes can import."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def teacher(seed: int, outputs: int = 10) -> nn.Module:
    """A net whose batch norm and dropout tell training mode from eval mode."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 36, outputs)
    )


class Stops(nn.Module):
    """A teacher that raises `error` when it has answered a number of batches."""

    def __init__(self, net: nn.Module, error: BaseException, after: int) -> None:
        super().__init__()
        self.net, self.error, self.left = net, error, after

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self.net(x)


class Sized:
    """Images with `fetch` and a length, and nothing else."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def fetch(self, indices: Any) -> np.ndarray:
        return self.pixels[np.asarray(indices)]


class Inverted:
    """An augmentation of its own with `views`."""

    def __call__(self, pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return 255 - pixels

    def views(self, pixels: np.ndarray, keys: np.ndarray) -> np.ndarray:
        return 255 - pixels


def noisy(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An augmentation by a generator alone."""
    return pixels + generator.integers(0, 5, pixels.shape).astype(np.uint8)


def cropped(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One that gives smaller images than it got."""
    return pixels[..., 1:]
