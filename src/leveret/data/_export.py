"""Write arrays of images as a folder of class folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret._files import replacing
from leveret._pillow import Image
from leveret.errors import LeveretUsageError

__all__ = ["write_folder"]


def write_folder(
    pixels: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
    labels: ArrayLike,
    path: str | Path,
    *,
    classes: Sequence[str] | None = None,
) -> Path:
    """Write images as `path/CLASS/NUMBER.png`, which `leveret.load` reads again; gives the path back.

    Args:
        pixels: images `(n, height, width)`, `(n, height, width, 3)` or `(n, 1 or 3, height, width)` uint8, or a
            sequence of such images of different sizes.
        labels: one per image: whole numbers, or names.
        classes: names of the numbers; default: the numbers themselves.

    Raises:
        LeveretUsageError: other types or shapes, lengths that differ, or a class name that can't be a folder's.
    """
    values: list[Any] = np.asarray(labels).tolist()
    if len(values) != len(pixels):
        raise LeveretUsageError(f"there are {len(pixels)} images but {len(values)} labels")
    names = [str(classes[v]) if classes is not None and isinstance(v, int) else str(v) for v in values]
    for name in sorted(set(names)):
        if not name or name.startswith(".") or any(c in name for c in "/\\:\0"):
            raise LeveretUsageError(f"class name {name!r} can't be a folder's name")
    root = Path(path)
    digits = len(str(max(len(names) - 1, 0)))
    for i, (image, name) in enumerate(zip(pixels, names, strict=True)):
        picture = _picture(np.asarray(image), i)
        with replacing(root / name / f"{i:0{digits}}.png") as temporary:
            picture.save(temporary, format="PNG")
    return root


def _picture(image: NDArray[np.uint8], number: int) -> Image.Image:
    if image.dtype != np.uint8:
        raise LeveretUsageError(f"image {number} must be uint8, got {image.dtype}")
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[2] not in (1, 3):
        image = image.transpose(1, 2, 0)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise LeveretUsageError(f"image {number} must be grey or have three channels, got shape {image.shape}")
    return Image.fromarray(np.ascontiguousarray(image))
