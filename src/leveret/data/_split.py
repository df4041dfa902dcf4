"""Seeded stratified splits: each class gives its share to each part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hold_out"]


def hold_out(
    labels: NDArray[np.int64], fraction: float, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to keep and to hold out, both ascending: about `fraction` of each class is held out.

    A class of two or more samples gives at least one and keeps at least one; a class of one keeps it.
    """
    held = []
    if fraction > 0:
        for label in np.unique(labels):
            members = generator.permutation(np.flatnonzero(labels == label))
            share = min(max(round(fraction * len(members)), 1), len(members) - 1)
            held.append(members[:share])
    out = np.sort(np.concatenate(held)) if held else np.empty(0, np.int64)
    keep = np.setdiff1d(np.arange(len(labels)), out)
    return keep, out
