"""The embedded default: scikit-learn's handwritten digits, 1,797 images of 8x8 in 17 greys."""

from __future__ import annotations

import numpy as np

from leveret._extras import needs
from leveret.data._raw import Part, Raw

__all__ = ["read_digits"]


def read_digits() -> Raw:
    """The digits with their greys 0..16 spread over 0..255."""
    needs("reading the embedded digits", "sklearn")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = (bunch.images * (255 / 16)).round().astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    where = [f"digit {i}" for i in range(len(labels))]
    return Raw("pixels", {"all": Part(pixels, labels, where)}, classes=tuple("0123456789"))
