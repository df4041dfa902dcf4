"""scikit-learn's digits, enlarged, for MNIST; turned round for Fashion-MNIST; in colours for CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leveret.experiments._standins._files import pictures, write_npz, write_parquet

__all__ = ["write_digits"]

_TRAIN, _TEST = 1200, 300
_COLOURED = (700, 200)  # of colour images to train on and to test


def write_digits(folder: Path) -> None:
    """`mnist.npz`, `fashion_mnist.npz`, `cifar10-train.parquet` and `cifar10-test.parquet`."""
    images, labels = _digits()
    upright = np.pad(images.repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2)))
    for name, found in (("mnist", upright), ("fashion_mnist", np.ascontiguousarray(upright.transpose(0, 2, 1)))):
        write_npz(
            folder / f"{name}.npz",
            x_train=found[:_TRAIN],
            y_train=labels[:_TRAIN],
            x_test=found[_TRAIN : _TRAIN + _TEST],
            y_test=labels[_TRAIN : _TRAIN + _TEST],
        )
    first = 0
    for part, number in zip(("train", "test"), _COLOURED, strict=True):
        some = slice(first, first + number)
        coloured = _coloured(images[some].repeat(4, 1).repeat(4, 2))
        columns = {"image": pictures(coloured, part), "label": labels[some].astype(int).tolist()}
        write_parquet(folder / f"cifar10-{part}.parquet", columns)
        first += number


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All 1,797 in a random order: `(n, 8, 8)`, and their classes."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    images = (found.images[order] * (255 / 16)).round().astype(np.uint8)
    return images, found.target[order].astype(np.uint8)


def _coloured(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(n, height, width, 3)`: each in a colour of its own, on a ground of another."""
    draw = np.random.default_rng(1)
    ink, ground = (draw.uniform(low, high, (len(images), 1, 1, 3)) for low, high in ((130, 255), (0, 110)))
    share = images[..., None] / 255
    noise = draw.normal(0, 8, (*images.shape, 3))
    return (share * ink + (1 - share) * ground + noise).clip(0, 255).astype(np.uint8)
