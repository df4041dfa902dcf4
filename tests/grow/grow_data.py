"""Small data and nets for growing: images that show which class they are of, and how they are mistaken."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from leveret.data import Data, from_arrays

SIDE = 4


def patterns(names: str, each: int = 40, seed: int = 0, noise: float = 25) -> Data:
    """A class a letter, "a" to "p", whose pixel of that number is bright; neighbours (a, b; c, d) share some light."""
    generator = np.random.default_rng((seed, ord(names[0])))
    images, labels = [], []
    for name in names:
        number = ord(name) - ord("a")
        mean = np.full(SIDE * SIDE, 60.0)
        mean[number] = 230
        mean[number ^ 1] = 130
        images.append(np.clip(mean + noise * generator.standard_normal((each, SIDE * SIDE)), 0, 255))
        labels += [name] * each
    pixels = np.concatenate(images).astype(np.uint8).reshape(-1, SIDE, SIDE)
    return from_arrays(pixels, labels, val_fraction=0.2, test_fraction=0.3, seed=seed, name=names)


class Small(nn.Module):
    """A hidden layer, a norm, and the logits."""

    def __init__(self, classes: int, hidden: int = 12) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


def small(classes: int, seed: int = 0) -> Small:
    torch.manual_seed(seed)
    net = Small(classes).eval()
    # random norms too, so that a copy that misses them is noticed
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return net


class Fixed(nn.Module):
    """Logits by a table: the image's first pixel, rounded, says which row. Ends in a linear layer."""

    def __init__(self, rows: list[list[float]]) -> None:
        super().__init__()
        table = torch.tensor(rows)
        self.head = nn.Linear(len(rows), table.shape[1], bias=False)
        self.head.weight.data = table.T.contiguous()
        self.count = len(rows)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(nn.functional.one_hot(x.reshape(len(x), -1)[:, 0].long(), self.count).float())


def numbered(count: int) -> torch.Tensor:
    """Images 0 to count − 1 for a `Fixed`."""
    return torch.arange(count, dtype=torch.float32).view(-1, 1, 1, 1)
