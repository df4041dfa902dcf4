"""What a user may write, for `mypy --strict`: the plain install's names have types, and the right ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import leveret
from leveret import LeveretError, LeveretFormatError
from leveret.runtime import InputContract, LayerInfo, Packed


def classes_of(model: Path, images: NDArray[np.uint8]) -> list[str]:
    packed: Packed = leveret.load_model(model)
    contract: InputContract = packed.input
    shape: tuple[int, ...] = contract.shape
    if images.shape[1:] != shape:
        raise LeveretError(f"images of {shape} were expected")
    best: NDArray[np.int64] = packed.predict(images, threads=1)
    logits: NDArray[np.float32] = packed(images)
    assert len(best) == len(logits)
    return [packed.classes[k] for k in best]


def costs(name: str) -> int:
    layers: list[LayerInfo] = leveret.zoo.load(name).layers()
    return sum(layer.macs + layer.binary_macs for layer in layers)


def names() -> tuple[str, ...]:
    found: tuple[str, ...] = leveret.zoo.names()
    card: str = leveret.zoo.card(found[0])
    images, labels = leveret.zoo.sample(found[0])
    assert images.dtype == np.uint8
    assert len(labels)
    assert card
    return found


def is_whole(path: str) -> bool:
    try:
        leveret.load_model(path)
    except LeveretFormatError:
        return False
    return True


version: str = leveret.__version__
