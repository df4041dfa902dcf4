"""Drawn solar cells: fingers, busbars, in some a dark crack; and the probability of a defect that experts give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leveret.experiments._standins._files import write_npz

__all__ = ["write_cells"]

_SIDE = 100
_CELLS = 280
_SHARES = (0.55, 0.12, 0.05, 0.28)  # of probabilities 0, 1/3, 2/3 and 1, about those of elpv's


def write_cells(folder: Path) -> None:
    """`elpv.npz`: `images` `(n, 100, 100)` uint8 and `probabilities` `(n,)`."""
    draw = np.random.default_rng(2)
    probabilities = draw.choice(4, _CELLS, p=_SHARES) / 3
    images = np.stack([_cell(draw, probability > 0.5) for probability in probabilities])
    write_npz(folder / "elpv.npz", images=images, probabilities=probabilities)


def _cell(draw: np.random.Generator, cracked: bool) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    light = draw.uniform(120, 190) + 20 * np.cos((rows - 50) / 40) + draw.normal(0, 6, (_SIDE, _SIDE))
    light[:, ::6] -= 12
    light[[33, 34, 66, 67]] -= 60
    if cracked:
        middle, slope = draw.uniform(25, 75), draw.uniform(-1, 1)
        light[np.abs(rows - middle - slope * (columns - 50)) < draw.uniform(2, 4)] -= 70
        if draw.random() < 0.5:  # what the crack cuts off stays dark
            light[rows - middle - slope * (columns - 50) > draw.uniform(5, 30)] -= 40
    return light.clip(0, 255).astype(np.uint8)
