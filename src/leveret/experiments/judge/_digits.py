"""Digits to be told apart: disjoint draws, and shifts of a known size."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from leveret.data import load

__all__ = ["SHIFTS", "disjoint", "shifted"]

Images = NDArray[np.uint8]


@cache
def _all() -> Images:
    data = load("digits", val_fraction=0.0, test_fraction=0.0)
    return data.train.fetch(np.arange(len(data.train)))


def disjoint(size: int, seed: int) -> tuple[Images, Images]:
    """Two draws of the embedded digits, `(size, 1, 8, 8)` uint8, which share none: alike by construction.

    That 1,797 are finite changes nothing: of a random draw any exchange of the two halves is as likely.
    """
    images = _all()
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[:size]], images[order[size : 2 * size]]


def _moved(images: Images, strength: float, generator: np.random.Generator) -> Images:
    found = images.copy()
    chosen = generator.random(len(images)) < strength
    found[chosen] = np.roll(images[chosen], 1, axis=3)
    return found


def _noisy(images: Images, strength: float, generator: np.random.Generator) -> Images:
    noise = generator.normal(0, 255 * strength, images.shape)
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def _brighter(images: Images, strength: float, generator: np.random.Generator) -> Images:
    return np.clip(images * (1 + strength), 0, 255).round().astype(np.uint8)


# name -> what it does to B, and its strengths
SHIFTS: dict[str, tuple[Callable[[Images, float, np.random.Generator], Images], tuple[float, ...]]] = {
    "a share moved by a pixel": (_moved, (0.1, 0.2, 0.4)),
    "noise, deviation of white": (_noisy, (0.001, 0.002, 0.004)),
    "brighter by": (_brighter, (0.05, 0.1, 0.2)),
}


def shifted(size: int, shift: str, strength: float, seed: int) -> tuple[Images, Images]:
    """As `disjoint`, with the second changed."""
    a, b = disjoint(size, seed)
    change, _ = SHIFTS[shift]
    return a, change(b, strength, np.random.default_rng((seed, 7)))
