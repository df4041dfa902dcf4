"""Solar cells, defective against functional, as experiments take them.

The elpv dataset (Buerhop-Lutz et al., 2018; Deitsch et al., 2019) has 2,624 electroluminescence images of cells, each
with an expert's probability of a defect: 0, 1/3, 2/3 or 1. Defective are those of 2/3 and more.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._extras import needs
from leveret.data import Data, from_arrays
from leveret.experiments._datasets import FILES

__all__ = ["cells", "elpv"]

_TEST, _VAL = 0.3, 0.14


def cells(side: int, seed: int, data: Path | None = None) -> Data:
    """Images of `side` x `side` pixels, averaged from larger ones, split by `seed`; equal images stand in one part.

    Args:
        side: of the images.
        seed: of the split.
        data: folder of the datasets, for `elpv`.

    Raises:
        LeveretMissingError: the package elpv-dataset isn't installed.
    """
    images, defective, groups = _images(side, data)
    return from_arrays(
        images,
        np.where(defective, "defective", "functional"),
        groups=groups,
        val_fraction=_VAL,
        test_fraction=_TEST,
        seed=seed,
        name="elpv",
    )


def elpv(data: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """All images and their probabilities: of `elpv.npz` where the folder has one, else of the package elpv-dataset.

    Raises:
        LeveretMissingError: neither is there.
    """
    if data is not None and (data / FILES["elpv"]).is_file():
        found = np.load(data / FILES["elpv"])
        return found["images"], found["probabilities"]
    needs("this part", "elpv_dataset")
    from elpv_dataset.utils import load_dataset

    images, probabilities, _ = load_dataset()
    return images, np.asarray(probabilities, float)


@cache
def _images(side: int, data: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int64]]:
    """Images, whether they are defective, and a number that only equal images share."""
    from PIL import Image

    images: Any
    images, probabilities = elpv(data)
    hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    _, groups = np.unique(hashes, return_inverse=True)
    if side != images[0].shape[0]:
        images = [Image.fromarray(image).resize((side, side), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image) for image in images]), probabilities > 0.5, groups.astype(np.int64)
