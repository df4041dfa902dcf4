"""Batches whose logits are what they hold, and a slice of the digits in which some classes are rare."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leveret.training import Batch

# tests, and the processes that they start, import what stands beside them
sys.path.insert(0, str(Path(__file__).parent))


class Given(nn.Module):
    """A net whose logits are its inputs."""

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.fixture
def given() -> nn.Module:
    return Given()


@pytest.fixture
def batch_of() -> Any:
    """A batch of logits and labels, at the places 0, 1, … unless others are given."""

    def make(logits: Any, labels: Any, indices: Any = None) -> Batch:
        logits = torch.as_tensor(logits)
        labels = torch.as_tensor(labels, dtype=torch.int64)
        places = torch.arange(len(labels)) if indices is None else torch.as_tensor(indices, dtype=torch.int64)
        return Batch(logits, labels, places)

    return make


@pytest.fixture(scope="session")
def skewed(digits: Any) -> Any:
    """Digits 3, 5 and 8: 100, 40 and 8 to train on, 12 of each to validate, 25 to test."""

    def part(split: Any, counts: tuple[int, ...]) -> Any:
        chosen = [np.flatnonzero(split.labels == digit)[:n] for digit, n in zip((3, 5, 8), counts, strict=True)]
        small = split.subset(np.concatenate(chosen))
        small.labels = np.repeat(np.arange(3), [len(places) for places in chosen]).astype(np.int64)
        small.num_classes = 3
        return small

    return SimpleNamespace(
        name="skewed digits",
        kind="image",
        train=part(digits.train, (100, 40, 8)),
        val=part(digits.val, (12, 12, 12)),
        test=part(digits.test, (25, 25, 25)),
        classes=("3", "5", "8"),
        image_shape=digits.image_shape,
        normalization=digits.normalization,
    )
