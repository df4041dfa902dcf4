"""One mask file as labels. Numpy and Pillow alone.

What a file's values are:

- grey (8 or 16 bits) and palette files: a pixel's number is its label;
- black and white (1 bit): labels 0 and 1;
- colours, and greys where every class has a grey for its colour: looked up among the classes' colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._pillow import Image, ImageOps
from leveret.data.images import open_image, reason_of, scaled_size
from leveret.data.segmentation._classes import Entry
from leveret.data.segmentation._palette import Color
from leveret.errors import LeveretDataError

__all__ = ["IGNORED", "BeyondClasses", "MaskReader"]

# the label of a pixel that has none, as torch's losses know it
IGNORED = -100
MOST_CLASSES = 255


class BeyondClasses(LeveretDataError):
    """A mask holds a value that no class has."""


@dataclass(frozen=True)
class MaskReader:
    """Reads masks by what their values mean.

    Attributes:
        entries: in the order of values; empty where nothing names them: then each value is a class.
        ignore_index: a value whose pixels have no label; None for none.
    """

    entries: tuple[Entry, ...] = ()
    ignore_index: int | None = 255

    @property
    def classes(self) -> tuple[Entry, ...]:
        """Those that aren't ignored, in the order of labels."""
        return tuple(entry for entry in self.entries if not entry.ignored)

    @property
    def labels(self) -> NDArray[np.int16]:
        """The label of each value: int16, as many as entries."""
        found, label = [], 0
        for value, entry in enumerate(self.entries):
            ignored = entry.ignored or value == self.ignore_index
            found.append(IGNORED if ignored else label)
            label += not entry.ignored
        return np.array(found, np.int16)

    def read(self, source: Any, scale: float = 1.0) -> NDArray[np.int16]:
        """Labels `(height, width)` int16, −100 where a pixel has none.

        Args:
            source: a path, or a file's bytes.
            scale: of the sides; the nearest pixel is taken.

        Raises:
            LeveretDataError: missing, empty, truncated, no image, or in colours that nothing names.
            BeyondClasses: a value that no class has; says which, and where.
        """
        with open_image(source) as opened:
            try:
                image = ImageOps.exif_transpose(opened)
                if (size := scaled_size(image.size, scale)) is not None:
                    image = image.resize(size, Image.Resampling.NEAREST)
                by_colors = _in_colors(image) or self._are_greys(image)
                values = np.asarray(image.convert("RGB") if by_colors else _numbers(image))
            except Exception as error:
                raise LeveretDataError(reason_of(source, error)) from error
        if by_colors:
            return self._of_colors(values)
        return self._of_numbers(values)

    def palette_of(self, source: Any) -> tuple[Color, ...]:
        """The colours that a palette file gives its values, as far as it has any."""
        with open_image(source) as opened:
            palette = opened.getpalette() if opened.mode == "P" else None
        values = list(palette or ())
        return tuple((values[i], values[i + 1], values[i + 2]) for i in range(0, len(values) - 2, 3))

    def _are_greys(self, image: Image.Image) -> bool:
        colors = [entry.color for entry in self.entries]
        return image.mode == "L" and bool(colors) and all(c is not None and c[0] == c[1] == c[2] for c in colors)

    def _of_numbers(self, values: NDArray[Any]) -> NDArray[np.int16]:
        known = len(self.entries) or MOST_CLASSES
        # −1: of no class; what lies beyond the table is brought to its last place, which no class has
        table = np.full(max(known, self.ignore_index or 0) + 2, -1, np.int16)
        table[:known] = self.labels if self.entries else np.arange(known)
        if self.ignore_index is not None:
            table[self.ignore_index] = IGNORED
        if values.dtype != np.uint8 or len(table) <= 255:
            top = len(table) - 1
            labels = table[np.where((values < 0) | (values > top), top, values)]
        else:
            labels = table[values]
        if (beyond := labels == -1).any():
            row, column = (int(i) for i in np.argwhere(beyond)[0])
            raise BeyondClasses(
                f"the value {values[row, column]} in row {row}, column {column} is beyond the {known} classes "
                f"(0..{known - 1})"
            )
        return labels

    def _of_colors(self, values: NDArray[np.uint8]) -> NDArray[np.int16]:
        packed = _packed(values)
        colors = [entry.color for entry in self.entries]
        if not any(color is not None for color in colors):
            if (values == values[..., :1]).all():
                return self._of_numbers(values[..., 0])
            raise LeveretDataError(
                "a mask in colours, and nothing says which class each has; name them in classes.txt: road 128 64 128"
            )
        labels = self.labels
        known = {_packed(np.array(color, np.uint8)).item(): labels[i] for i, color in enumerate(colors) if color}
        found, inverse = np.unique(packed, return_inverse=True)
        ignored = None if self.ignore_index is None else self.ignore_index * 0x010101
        table = np.empty(len(found), np.int16)
        for place, number in enumerate(found.tolist()):
            if number in known:
                table[place] = known[number]
            elif number == ignored:
                table[place] = IGNORED
            else:
                row, column = (int(i) for i in np.argwhere(packed == number)[0])
                color = (number >> 16, number >> 8 & 255, number & 255)
                raise BeyondClasses(f"the colour {color} in row {row}, column {column} is of no class")
        return table[inverse].reshape(packed.shape)


def _in_colors(image: Image.Image) -> bool:
    return image.mode not in ("1", "L", "P", "I", "F", "LA", "PA") and not image.mode.startswith("I;16")


def _numbers(image: Image.Image) -> NDArray[Any]:
    if image.mode in ("LA", "PA"):
        image = image.getchannel(0)
    values = np.asarray(image)
    if image.mode == "F" and not (values == np.floor(values)).all():
        raise ValueError("labels must be whole numbers")
    return values.astype(np.uint8 if values.dtype == bool else np.int32) if values.dtype.kind in "bf" else values


def _packed(colors: NDArray[np.uint8]) -> NDArray[np.int64]:
    whole = colors.astype(np.int64)
    return whole[..., 0] << 16 | whole[..., 1] << 8 | whole[..., 2]
