"""The samples that gave it away, as one picture: a row each of those it knew, and of those it took for the other's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from leveret._files import replacing

__all__ = ["mean_images", "write_sheet"]

_GAP = 4
_SIDE = 64
_LARGEST = 112
_TITLE = 24


def write_sheet(rows: list[tuple[str, list[NDArray[np.uint8]]]], path: Path) -> None:
    """Write a PNG: titles, each with images `(channels, height, width)` uint8 below it, where it has any."""
    shown = [(title, images) for title, images in rows if images]
    height, width = shown[0][1][0].shape[1:]
    # small images are shown in whole multiples, so that their pixels stay square and sharp
    times = max(1, round(_SIDE / max(height, width)))
    shrink = min(1.0, _LARGEST / max(height, width))
    tile = max(1, round(width * times * shrink)), max(1, round(height * times * shrink))
    most = max(len(images) for _, images in shown)
    font = ImageFont.load_default(15)
    row = _TITLE + tile[1] + 2 * _GAP
    across = max(2 * _GAP + most * (tile[0] + _GAP), *(16 + round(font.getlength(title)) for title, _ in shown))
    sheet = Image.new("RGB", (across, len(shown) * row + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    kind = Image.Resampling.NEAREST if times > 1 else Image.Resampling.BICUBIC
    for number, (title, images) in enumerate(shown):
        top = number * row + _GAP
        draw.text((8, top), title, "#1a1a1a", font=font)
        for column, pixels in enumerate(images):
            image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
            place = 2 * _GAP + column * (tile[0] + _GAP), top + _TITLE
            sheet.paste(image.resize(tile, kind).convert("RGB"), place)
            draw.rectangle((place[0] - 1, place[1] - 1, place[0] + tile[0], place[1] + tile[1]), outline="#c8c8c8")
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")


def mean_images(images: NDArray[np.uint8], side: NDArray[np.int64]) -> tuple[NDArray[np.uint8], ...]:
    """A's mean, B's mean, and their difference: `(channels, height, width)`, `(3, height, width)` uint8.

    In the difference blue is where A is brighter, red where B is, white where neither; the largest is full colour.
    """
    means = [images[side == whose].mean(0, dtype=np.float64) for whose in (0, 1)]
    difference = (means[1] - means[0]).mean(0)
    share = difference / max(float(np.abs(difference).max()), 1e-9)
    red, blue = np.clip(share, 0, 1), np.clip(-share, 0, 1)
    picture = np.stack([1 - blue, 1 - np.maximum(red, blue), 1 - red])
    return (*(mean.round().astype(np.uint8) for mean in means), (255 * picture).round().astype(np.uint8))
