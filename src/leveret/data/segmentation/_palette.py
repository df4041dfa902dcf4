"""A colour for each class: those that the data names, else ones that tell classes apart."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IGNORED_COLOR", "Color", "checked_palette", "default_palette", "palette_table"]

Color = tuple[int, int, int]

# of pixels without a label, where masks are shown
IGNORED_COLOR: Color = (96, 96, 96)

# bright, and apart for most kinds of colour blindness in the order in which they are taken (after Okabe & Ito, 2008)
_FIRST: tuple[Color, ...] = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233), (240, 228, 66),
    (128, 62, 117), (153, 204, 0), (141, 84, 41), (255, 123, 138), (110, 75, 216),
)  # fmt: skip


def default_palette(number: int) -> tuple[Color, ...]:
    """So many colours, all different; the first twelve are chosen, the others' hues go round by the golden ratio."""
    colors = list(_FIRST[:number])
    taken = set(colors) | {IGNORED_COLOR}
    i = 0
    while len(colors) < number:
        lightness, saturation = (0.42, 0.58, 0.72)[i % 3], (0.85, 0.55)[i // 3 % 2]
        shares = colorsys.hls_to_rgb((0.05 + 0.618034 * i) % 1, lightness, saturation)
        color: Color = (round(255 * shares[0]), round(255 * shares[1]), round(255 * shares[2]))
        if color not in taken:
            taken.add(color)
            colors.append(color)
        i += 1
    return tuple(colors)


def checked_palette(value: Any, number: int) -> tuple[Color, ...]:
    """A palette from a file that may hold anything: the default one, unless it has a colour for each class."""
    if isinstance(value, list | tuple) and len(value) == number:
        try:
            colors = tuple((int(r), int(g), int(b)) for r, g, b in value)
        except (TypeError, ValueError):
            return default_palette(number)
        if all(0 <= part <= 255 for color in colors for part in color):
            return colors
    return default_palette(number)


def palette_table(colors: Sequence[Color]) -> NDArray[np.uint8]:
    """Colours by label, `(256, 3)` uint8, `IGNORED_COLOR` for all that no class has; at most 255 classes."""
    table = np.empty((256, 3), np.uint8)
    table[:] = IGNORED_COLOR
    table[: len(colors)] = colors
    return table
