"""Cluttered images as a source by name: "cluttered-digits", "cluttered:mnist.npz"."""

from __future__ import annotations

from dataclasses import replace

from leveret.data._types import Data
from leveret.data.clutter import cluttered
from leveret.errors import LeveretUsageError

__all__ = ["cluttered_source", "in_clutter"]

_NAMES = {"cluttered-digits": "digits"}
_PREFIX = "cluttered:"
# of a digit's side, as in Mnih et al. 2014: 28 pixels on a canvas of 100 with pieces of 8
_CANVAS, _PIECE = 100 / 28, 8 / 28
_LEAST = 10_000  # training images; few digits are shown again, elsewhere and in other clutter


def cluttered_source(source: str) -> str | None:
    """The source whose images are to be laid in clutter; None where the source isn't of this kind."""
    if source in _NAMES:
        return _NAMES[source]
    return source.removeprefix(_PREFIX) if source.startswith(_PREFIX) else None


def in_clutter(data: Data, source: str, size: int | tuple[int, int] | None, seed: int) -> Data:
    """Its images in clutter, in the proportions of the papers: 8 pieces, on a canvas of `size`.

    Args:
        data: of the source itself.
        source: as it was named.
        size: of the canvas, a side or height and width; default 100/28 of the image's, 29 for digits of 8 pixels.
        seed: of places and pieces.

    Returns:
        As many images in each part as the source has, but 10,000 to train on where it has fewer.

    Raises:
        LeveretUsageError: tables or texts; a canvas smaller than the images.
    """
    if data.kind != "image":
        raise LeveretUsageError(f"{source}: {data.kind}s can't be laid in clutter; it needs images")
    _, height, width = data.image_shape
    canvas = (round(_CANVAS * height), round(_CANVAS * width))
    if size is not None:
        canvas = (size, size) if isinstance(size, int) else size
    piece = (max(1, round(_PIECE * height)), max(1, round(_PIECE * width)))
    made = cluttered(data, canvas, distractor_size=piece, seed=seed, train=max(len(data.train), _LEAST))
    return replace(made, source=source)
