"""Solar cells, defective against functional, as experiments take them.

The elpv dataset (Buerhop-Lutz et al., 2018; Deitsch et al., 2019) has 2,624 electroluminescence images of cells, each
with an expert's probability of a defect: 0, 1/3, 2/3 or 1. Defective are those of 2/3 and more.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from leveret.data import Data, from_arrays
from leveret.errors import LeveretUsageError

__all__ = ["cells"]

_SIDE = 300
_TEST, _VAL = 0.3, 0.14


def cells(side: int, seed: int) -> Data:
    """Images of `side` x `side` pixels, averaged from 300 x 300, split by `seed`; equal images stand in one part.

    Raises:
        LeveretUsageError: the package elpv-dataset isn't installed.
    """
    images, defective, groups = _images(side)
    return from_arrays(
        images,
        np.where(defective, "defective", "functional"),
        groups=groups,
        val_fraction=_VAL,
        test_fraction=_TEST,
        seed=seed,
        name="elpv",
    )


@cache
def _images(side: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int64]]:
    """Images, whether they are defective, and a number that only equal images share."""
    try:
        from elpv_dataset.utils import load_dataset
    except ImportError:
        raise LeveretUsageError("this part needs the package elpv-dataset: pip install 'leveret[bench]'") from None
    from PIL import Image

    images, probabilities, _ = load_dataset()
    hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    _, groups = np.unique(hashes, return_inverse=True)
    if side != _SIDE:
        images = [Image.fromarray(image).resize((side, side), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image) for image in images]), np.asarray(probabilities) > 0.5, groups.astype(np.int64)
