"""What `cluttered` is given, checked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leveret.data._types import Data, Split
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["Layout", "checked_backgrounds", "checked_layout", "checked_size"]

Pair = tuple[int, int]


class Layout(NamedTuple):
    """Sizes of a cluttered image, each height and width in pixels.

    Attributes:
        channels: of the digits.
        digit: a sample's size.
        canvas: the image's size.
        distractors: how many pieces of other samples.
        piece: their size.
    """

    channels: int
    digit: Pair
    canvas: Pair
    distractors: int
    piece: Pair


def checked_layout(data: Data, canvas: Any, distractors: Any, distractor_size: Any, seed: Any) -> Layout:
    """The sizes, if they fit into each other; else a `LeveretUsageError`."""
    if data.kind != "image":
        raise LeveretUsageError(f"clutter is made of images; {data.name} holds {data.kind}s")
    channels, *size = data.image_shape
    digit = (size[0], size[1])
    sides = _pair("canvas", canvas)
    if sides[0] < digit[0] or sides[1] < digit[1]:
        raise LeveretUsageError(f"a canvas of {_x(sides)} can't hold images of {_x(digit)}; make it at least as large")
    if not _whole(distractors) or distractors < 0:
        raise LeveretUsageError(f"distractors must be a whole number from 0, got {distractors!r}")
    piece = _pair("distractor_size", (distractor_size,) * 2 if _whole(distractor_size) else distractor_size)
    if distractors and (piece[0] > digit[0] or piece[1] > digit[1]):
        raise LeveretUsageError(
            f"distractors of {_x(piece)} can't be cut from images of {_x(digit)}; make distractor_size at most that"
        )
    if not _whole(seed) or not 0 <= seed < 1 << 64:
        raise LeveretUsageError(f"seed must be a whole number from 0 to 2**64 - 1, got {seed!r}")
    return Layout(channels, digit, sides, int(distractors), piece)


def checked_size(name: str, wanted: Any, split: Split, distractors: int) -> int:
    """How many images a part has."""
    least = 1 if name == "train" else 0
    size = len(split) if wanted is None else wanted
    if not _whole(size) or size < least:
        raise LeveretUsageError(f"{name} must be a whole number of images from {least}, got {size!r}")
    if size and not len(split):
        raise LeveretDataError(f"{name}={size} images can't be made: the source's {name} part is empty")
    if size and distractors and len(split) < 2:
        raise LeveretDataError(f"distractors are cut from other images, and the source's {name} part has but one")
    return int(size)


def checked_backgrounds(backgrounds: Any, channels: int, canvas: Pair) -> NDArray[np.uint8] | None:
    """As `(n, channels, height, width)` uint8; grey ones serve any number of channels."""
    if backgrounds is None:
        return None
    found = np.asanyarray(backgrounds)
    if found.ndim == 3:
        found = found[:, None]
    if found.dtype != np.uint8 or found.ndim != 4 or found.shape[1] not in (1, channels) or not len(found):
        raise LeveretUsageError(
            f"backgrounds must be uint8 (n, height, width) or (n, {channels}, height, width), got {found.dtype} "
            f"{np.shape(backgrounds)}"
        )
    if found.shape[2] < canvas[0] or found.shape[3] < canvas[1]:
        raise LeveretUsageError(f"backgrounds of {_x(found.shape[2:])} are smaller than the canvas of {_x(canvas)}")
    return found


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _pair(name: str, value: Any) -> Pair:
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not all(_whole(side) and side >= 1 for side in value):
        raise LeveretUsageError(f"{name} must be height and width, whole numbers from 1, got {value!r}")
    return int(value[0]), int(value[1])


def _x(size: Any) -> str:
    return f"{size[0]}x{size[1]}"
