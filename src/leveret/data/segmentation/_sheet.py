"""A sheet of overlays: training images, each beside itself with its mask laid over, and a legend."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leveret._files import replacing
from leveret._pillow import Image, ImageDraw, ImageFont
from leveret.data.segmentation._data import SegmentationData
from leveret.data.segmentation._overlay import as_picture, laid_over, legend, with_legend
from leveret.errors import LeveretUsageError

__all__ = ["overlay_sheet"]

_ROWS = 4
_GAP = 10
_WIDEST = 280
_CAPTION = 18


def overlay_sheet(data: SegmentationData, path: Path, *, columns: int, seed: int) -> Path:
    """Write the sheet: four rows of `columns` pairs, drawn by `seed`, those of rare classes first.

    Raises:
        LeveretUsageError: `columns` below 1.
    """
    if columns < 1:
        raise LeveretUsageError(f"columns must be at least 1, got {columns}")
    chosen = _chosen(data, _ROWS * columns, seed)
    _, height, width = data.image_shape
    share = min(_WIDEST / max(height, width), 4.0) if max(height, width) < _WIDEST else _WIDEST / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    columns = min(columns, len(chosen))
    cell = 2 * size[0] + 3, size[1] + _CAPTION + _GAP
    rows = -(-len(chosen) // columns)
    sheet = Image.new("RGB", (columns * (cell[0] + _GAP) + _GAP, rows * cell[1] + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    where = data.train.where
    ignored = False
    for place, index in enumerate(chosen):
        pixels, labels = (one[0] for one in data.train.fetch_pairs([index]))
        ignored |= bool((labels < 0).any())
        left, top = _GAP + place % columns * (cell[0] + _GAP), _GAP + place // columns * cell[1]
        for i, shown in enumerate((pixels, laid_over(pixels, labels, data.colors))):
            kind = Image.Resampling.NEAREST if share >= 2 else Image.Resampling.BICUBIC
            sheet.paste(as_picture(shown).resize(size, kind), (left + i * (size[0] + 3), top))
        name = where[index]
        while name and draw.textlength(name, font) > cell[0]:
            name = name[1:]
        draw.text((left, top + size[1] + 2), name, "#6a6a6a", font=font)
    counts = data.train.class_counts()
    notes = [f"{count / max(counts.sum(), 1):.1%}" for count in counts]
    whole = with_legend(sheet, legend(sheet.width, data.classes, data.colors, notes, ignored))
    with replacing(path) as temporary:
        whole.save(temporary, format="PNG")
    return path


def _chosen(data: SegmentationData, most: int, seed: int) -> list[int]:
    """For each class in turn, the rarest first, an image that holds it; then any others."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(data.train))
    chosen: list[int] = []
    for label in np.argsort(data.train.image_counts(), kind="stable"):
        with_it = [int(i) for i in order if data.train.pixel_counts[i, label] and int(i) not in chosen]
        chosen += with_it[:1]
    chosen += [int(i) for i in order if int(i) not in chosen]
    return chosen[:most]
