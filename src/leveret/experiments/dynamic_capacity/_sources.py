"""Cluttered digits, and digits somewhere on pictures of streets."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leveret.data import Data, cluttered, from_arrays, load
from leveret.experiments._datasets import source_of

__all__ = ["cluttered_mnist", "digits_on_streets"]

_SEED = 2016  # of the images, the same for all nets and all of their seeds
_DIGIT = 84  # pixels, three times MNIST's


def cluttered_mnist(folder: Path | None, train: int, val: int = 2_000, test: int | None = None) -> Data:
    """The paper's: 100x100 pixels, 8 pieces of 8x8; 2,000 images validate, 10,000 test."""
    return cluttered(load(source_of("mnist", folder)), seed=_SEED, train=train, val=val, test=test)


def digits_on_streets(
    folder: Path | None, train: int, val: int = 300, test: int = 1000, canvas: int = 1000, mosaics: int = 24
) -> Data:
    """MNIST's digits, three times as large, among pieces of others, added to mosaics of CamVid's street scenes.

    The test part's streets are those of CamVid's test part.

    Args:
        folder: of the datasets.
        train, val, test: images of the parts.
        canvas: their sides, in pixels.
        mosaics: street pictures of each part.
    """
    digits = load(source_of("mnist", folder))
    large = _enlarged(digits, {"train": train, "val": val, "test": test})
    learned, tested = (
        cluttered(
            large,
            (canvas, canvas),
            distractors=8,
            distractor_size=24,
            seed=_SEED,
            backgrounds=_mosaics(folder, part, canvas, mosaics),
        )
        for part in ("train", "test")
    )
    return replace(learned, name="digits on streets", test=tested.test)


def _enlarged(digits: Data, parts: Mapping[str, int]) -> Data:
    """Some digits of each part, three times as large."""
    from PIL import Image

    images, labels = {}, {}
    for name, number in parts.items():
        split = digits.splits[name]
        chosen = np.arange(min(number, len(split)))
        small = split.fetch(chosen)[:, 0]
        side = (_DIGIT, _DIGIT)
        images[name] = np.stack([np.asarray(Image.fromarray(i).resize(side, Image.Resampling.BICUBIC)) for i in small])
        labels[name] = split.labels[chosen]
    return from_arrays(
        images["train"],
        labels["train"],
        x_val=images["val"],
        y_val=labels["val"],
        x_test=images["test"],
        y_test=labels["test"],
        classes=digits.classes,
        name="large digits",
    )


def _mosaics(folder: Path | None, part: str, canvas: int, number: int) -> NDArray[np.uint8]:
    """Grey pictures larger than the canvas, of street scenes side by side, at half their brightness: digits stay white.

    Raises:
        LeveretUsageError: no folder was given.
        LeveretDataError: it doesn't hold CamVid.
    """
    import pyarrow.parquet as parquet
    from PIL import Image

    file = source_of("camvid", folder).with_name(f"camvid-{part}.parquet")
    column = parquet.read_table(file, columns=["image"])["image"]
    scenes = [np.asarray(Image.open(io.BytesIO(row["bytes"].as_py())).convert("L")) for row in column]
    height, width = scenes[0].shape
    rows, columns = -(-canvas // height) + 1, -(-canvas // width) + 1
    draw = np.random.default_rng(_SEED)
    made = []
    for _ in range(number):
        chosen = draw.integers(0, len(scenes), (rows, columns))
        made.append(np.block([[scenes[number] for number in line] for line in chosen]) // 2)
    return np.stack(made)
