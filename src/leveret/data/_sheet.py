"""A contact sheet: a row of training images per class, on one PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leveret._files import replacing
from leveret._pillow import Image, ImageDraw, ImageFont
from leveret.data._types import Data
from leveret.errors import LeveretUsageError

__all__ = ["contact_sheet"]

_MOST_CLASSES = 40
_GAP = 4
_LABEL = 150


def contact_sheet(data: Data, path: Path, *, columns: int, seed: int) -> Path:
    """Write the sheet; classes beyond the first 40 are left out, as the last line says.

    Raises:
        LeveretUsageError: tables and texts have no pictures; `columns` below 1.
    """
    if data.kind != "image":
        raise LeveretUsageError(f"a contact sheet needs images; this source holds {data.kind}s")
    if columns < 1:
        raise LeveretUsageError(f"columns must be at least 1, got {columns}")
    _, height, width = data.image_shape
    # small images are shown in whole multiples, so that their pixels stay square and sharp
    times = max(1, round(56 / max(height, width)))
    shrink = min(1.0, 96 / max(height, width))
    tile_w, tile_h = max(1, round(width * times * shrink)), max(1, round(height * times * shrink))
    row_height = max(tile_h, 30) + _GAP
    shown = min(data.num_classes, _MOST_CLASSES)
    rest = data.num_classes - shown
    sheet = Image.new(
        "RGB", (_LABEL + columns * (tile_w + _GAP) + _GAP, shown * row_height + _GAP + (24 if rest else 0)), "white"
    )
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    generator = np.random.default_rng(seed)
    for label in range(shown):
        top = _GAP + label * row_height
        members = np.flatnonzero(data.train.labels == label)
        name = data.classes[label]
        draw.text((8, top + 1), _shortened(draw, name, font), "#1a1a1a", font=font)
        draw.text((8, top + 19), f"{len(members):,}", "#6a6a6a", font=small)
        chosen = np.sort(generator.permutation(members)[:columns])
        for column, pixels in enumerate(data.train.fetch(chosen) if len(chosen) else []):
            image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
            kind = Image.Resampling.NEAREST if times > 1 else Image.Resampling.BICUBIC
            sheet.paste(image.resize((tile_w, tile_h), kind).convert("RGB"), (_LABEL + column * (tile_w + _GAP), top))
    if rest:
        draw.text((8, sheet.height - 20), f"and {rest} more classes", "#6a6a6a", font=small)
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")
    return path


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if draw.textlength(text, font) <= _LABEL - 16:
        return text
    while text and draw.textlength(text + "…", font) > _LABEL - 16:
        text = text[:-1]
    return text + "…"
