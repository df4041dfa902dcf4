"""Drawn streets: what CamVid has, seen from a car, as flat shapes with noise, and a mask of the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leveret.experiments._standins._files import pictures, write_parquet

__all__ = ["write_streets"]

_HEIGHT, _WIDTH = 48, 64
_PARTS = {"train": 24, "val": 10, "test": 10}
_SKY, _BUILDING, _POLE, _ROAD, _PAVEMENT, _TREE, _SIGN, _FENCE, _CAR, _PEDESTRIAN, _BICYCLIST, _UNLABELLED = range(12)
_COLOURS = np.array(
    [
        (150, 190, 235), (150, 90, 80), (170, 170, 150), (95, 90, 95), (150, 140, 150), (60, 110, 50), (220, 190, 60),
        (90, 100, 110), (60, 60, 150), (190, 80, 110), (110, 160, 160), (20, 20, 20),
    ]
)  # fmt: skip


def write_streets(folder: Path) -> None:
    """`camvid-train.parquet`, `camvid-val.parquet` and `camvid-test.parquet`, of 64x48 pixels."""
    draw = np.random.default_rng(3)
    for part, number in _PARTS.items():
        masks = np.stack([_street(draw) for _ in range(number)])
        light = draw.uniform(0.75, 1.15, (number, 1, 1, 1))
        images = (_COLOURS[masks] * light + draw.normal(0, 14, (*masks.shape, 3))).clip(0, 255).astype(np.uint8)
        columns = {"image": pictures(images, part), "mask": pictures(masks, part)}
        write_parquet(folder / f"camvid-{part}.parquet", columns)


def _street(draw: np.random.Generator) -> NDArray[np.uint8]:
    mask = np.full((_HEIGHT, _WIDTH), _SKY, np.uint8)
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH]
    horizon = int(draw.integers(20, 27))
    for _ in range(4):
        left, top = draw.integers(-8, _WIDTH - 8), draw.integers(3, horizon - 4)
        mask[top : horizon + 3, max(left, 0) : left + draw.integers(10, 22)] = _BUILDING
    for _ in range(2):
        middle, radius = draw.integers(0, _WIDTH), draw.integers(4, 8)
        mask[(rows - horizon + 5) ** 2 + (columns - middle) ** 2 < radius**2] = _TREE
    vanishing = draw.uniform(24, 40)
    mask[horizon:] = _PAVEMENT
    mask[horizon : horizon + 3, : int(draw.integers(6, 20))] = _FENCE
    mask[(rows >= horizon) & (np.abs(columns - vanishing) < 4 + 1.3 * (rows - horizon))] = _ROAD
    for label, width, height in ((_CAR, 9, 6), (_PEDESTRIAN, 3, 9), (_BICYCLIST, 4, 8), (_SIGN, 4, 4), (_POLE, 2, 20)):
        for _ in range(draw.integers(1, 3)):
            foot = horizon + draw.integers(3, 14) if label not in (_SIGN, _POLE) else horizon + 4
            up = draw.integers(10, 14) if label == _SIGN else 0
            left = draw.integers(0, _WIDTH - width)
            mask[max(foot - height - up, 0) : foot - up, left : left + width] = label
    mask[-2:] = _UNLABELLED  # the car's own bonnet
    return mask
