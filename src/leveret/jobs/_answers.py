"""What two models say of the same samples, as rows: a student and its teacher, a packed net and its float one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError

__all__ = ["Answers", "answers_of"]

_LEAST = -20.0  # logarithms of shares below mean nothing


@dataclass(frozen=True)
class Answers:
    """The logarithms of two models' shares.

    Attributes:
        rows: of each model, `(n, classes)` float32.
        classes: names.
        where: names of the samples.
        images: the samples, `(n, channels, height, width)` uint8.
        agreement: share of the samples for which both name the same class.
        largest: the largest difference of two shares.
    """

    rows: tuple[NDArray[np.float32], NDArray[np.float32]]
    classes: tuple[str, ...]
    where: list[str]
    images: NDArray[np.uint8]
    agreement: float
    largest: float


def answers_of(
    a: str, b: str, on: Any, *, seed: int, progress: bool, options: Mapping[str, Any], most: int | None = None
) -> Answers:
    """Ask two models of images about the test part of a source.

    Args:
        a, b: packed models, MODEL.lvr, or folders of `leveret fit`.
        on: as for `leveret.load`, or what it gave.
        seed: of the splits.
        progress: show a bar while decoding.
        options: for `leveret.load`.
        most: samples, drawn at random.

    Raises:
        LeveretUsageError: the models take different images, know different classes, or aren't of images.
        LeveretFormatError, LeveretDataError: a model is damaged; the source can't be used.
    """
    from leveret.jobs._data import load_with_test

    models = [_model(Path(path)) for path in (a, b)]
    shapes, classes = (
        [_shape(model, name) for model, name in zip(models, (a, b), strict=True)],
        [m.classes for m in models],
    )
    if shapes[0] != shapes[1]:
        raise LeveretUsageError(
            f"{a} takes images of shape {shapes[0]} and {b} of {shapes[1]}; both must take the same"
        )
    if tuple(classes[0]) != tuple(classes[1]):
        raise LeveretUsageError(
            f"{a} knows {_some(classes[0])}, {b} {_some(classes[1])}; both must know the same classes"
        )
    channels, height, width = shapes[0]
    data = load_with_test(
        on, seed=seed, progress=progress, options={**options, "size": (height, width), "channels": channels}
    )
    if data.kind != "image" or tuple(data.image_shape) != tuple(shapes[0]):
        raise LeveretUsageError(f"{on} must hold images of shape {shapes[0]}, got {data.kind}s of {data.image_shape}")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(data.test))[:most])
    images = data.test.fetch(chosen)
    rows = [_rows(model, images) for model in models]
    shares = [np.exp(part) for part in rows]
    return Answers(
        (rows[0], rows[1]),
        tuple(classes[0]) or tuple(map(str, range(rows[0].shape[1]))),
        [f"test sample {i}" for i in chosen],
        images,
        float((rows[0].argmax(1) == rows[1].argmax(1)).mean()),
        float(np.abs(shares[0] - shares[1]).max()),
    )


def _model(path: Path) -> Any:
    if path.is_dir():
        from leveret.jobs._trained import load_run

        return load_run(path)
    from leveret import runtime

    return runtime.load(path)


def _shape(model: Any, name: str) -> tuple[int, ...]:
    shape = tuple(model.shape if hasattr(model, "shape") else model.input.shape)
    output = getattr(model, "output_shape", (1,))
    if len(shape) != 3 or len(output) != 1 or (hasattr(model, "input") and model.input.mean is None):
        raise LeveretUsageError(f"{name} must be a classifier of images; its input is {shape}, its output {output}")
    return shape


def _rows(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    logits = np.concatenate([model(images[start : start + 64]) for start in range(0, len(images), 64)])
    values = logits.astype(np.float64)
    if hasattr(model, "layers") and model.layers()[-1].op == "softmax":
        values = np.log(np.maximum(values, 1e-30))
    values -= values.max(1, keepdims=True)
    values -= np.log(np.exp(values).sum(1, keepdims=True))
    return np.maximum(values, _LEAST).astype(np.float32)


def _some(names: Any) -> str:
    return ", ".join(map(str, names[:4])) + (", …" if len(names) > 4 else "")
