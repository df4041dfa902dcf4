"""Masks to look at: laid over their images, with a legend. Numpy and Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._pillow import Image, ImageDraw, ImageFont
from leveret.data.segmentation._palette import IGNORED_COLOR, Color, palette_table

__all__ = ["colored", "laid_over", "legend", "with_legend"]

_INK, _FAINT, _PAPER = "#1a1a1a", "#6a6a6a", "white"


def colored(labels: NDArray[Any], colors: Sequence[Color]) -> NDArray[np.uint8]:
    """Labels `(height, width)` as their colours, `(3, height, width)` uint8; a negative label has none, and is grey."""
    table = palette_table(colors)
    return np.ascontiguousarray(table[np.where(labels < 0, 255, labels)].transpose(2, 0, 1))


def laid_over(
    pixels: NDArray[np.uint8], labels: NDArray[Any], colors: Sequence[Color], opacity: float = 0.55
) -> NDArray[np.uint8]:
    """An image `(channels, height, width)` uint8 with the colours of its labels laid over it; edges of regions are
    drawn in the full colour. Pixels without a label stay as they are."""
    base = np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels
    cover = colored(labels, colors)
    share = np.full(labels.shape, opacity, np.float32)
    share[edges(labels)] = 1
    share[labels < 0] = 0
    return (base + share * (cover.astype(np.float32) - base)).round().astype(np.uint8)


def edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour has another label."""
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    found[:-1] |= labels[:-1] != labels[1:]
    return found


def legend(
    width: int, names: Sequence[str], colors: Sequence[Color], notes: Sequence[str] | None = None, ignored: bool = False
) -> Image.Image:
    """Names beside their colours, in as many columns as fit into `width`.

    Args:
        width: in pixels.
        names, colors: of the classes.
        notes: a word on each, such as its share.
        ignored: add what has no label.
    """
    font = ImageFont.load_default(14)
    texts = [
        (name, (notes or [""] * len(names))[i], color)
        for i, (name, color) in enumerate(zip(names, colors, strict=True))
    ]
    if ignored:
        texts.append(("no label", "", IGNORED_COLOR))
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    most = max(width - 40, 20)
    texts = [(_cut(draw, name, font, most), note, color) for name, note, color in texts]
    cell = (
        max(
            30 + int(draw.textlength(name, font)) + (8 + int(draw.textlength(note, font)) if note else 0)
            for name, note, _ in texts
        )
        + 18
    )
    columns = max(1, min(len(texts), (width - 8) // cell))
    rows = -(-len(texts) // columns)
    image = Image.new("RGB", (width, rows * 24 + 12), _PAPER)
    draw = ImageDraw.Draw(image)
    for i, (name, note, color) in enumerate(texts):
        left, top = 10 + i // rows * cell, 6 + i % rows * 24
        draw.rectangle((left, top + 4, left + 15, top + 19), fill=color, outline=_FAINT)
        draw.text((left + 23, top + 3), name, _INK, font=font)
        if note:
            draw.text((left + 31 + draw.textlength(name, font), top + 3), note, _FAINT, font=font)
    return image


def with_legend(picture: Image.Image, key: Image.Image) -> Image.Image:
    """A picture above a legend, on white."""
    image = Image.new("RGB", (max(picture.width, key.width), picture.height + key.height), _PAPER)
    image.paste(picture, (0, 0))
    image.paste(key, (0, picture.height))
    return image


def as_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """`(channels, height, width)` uint8 as an image in colours."""
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(pixels, (3, *pixels.shape[1:])).transpose(1, 2, 0)))


def _cut(draw: ImageDraw.ImageDraw, text: str, font: Any, most: int) -> str:
    if draw.textlength(text, font) <= most:
        return text
    while text and draw.textlength(text + "…", font) > most:
        text = text[:-1]
    return text + "…"
