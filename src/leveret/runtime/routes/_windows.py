"""Windows of images: where the patch of each place begins, and patches cut out of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._pixels import of_pixels
from leveret.errors import LeveretFormatError
from leveret.runtime._contract import InputContract
from leveret.runtime._packed import Packed

__all__ = ["Axis", "Windows", "cut"]

_MOST = 1 << 20

Ints = NDArray[np.int64]
Images = NDArray[Any]


@dataclass(frozen=True)
class Axis:
    """Along one axis of an image, in pixels.

    Attributes:
        stride: from one place to the next.
        first: where the window of place 0 begins.
        middle: which place of that window's own grid is meant.
        held: windows that would reach past the image are moved inside, whole strides at a time.
        whole: where the image that stands for all places together begins: below 0 it begins in zeros.
        start, size: what place 0 stands for, to be shown.
    """

    stride: int
    first: int
    middle: int
    held: bool
    whole: int
    start: int
    size: int

    def placed(self, places: int, pixels: int, window: int, grid: int) -> tuple[Ints, Ints]:
        """Where each place's window begins, and which place of the window's grid is meant.

        Args:
            places: of the image.
            pixels: of the image.
            window: pixels of a window.
            grid: places of a window.

        Raises:
            LeveretFormatError: a place that no window has.
        """
        begins = self.first + self.stride * np.arange(places)
        check_beside(begins, pixels, window)
        if not self.held:
            inside = np.full(places, self.middle)
        elif window > pixels:
            raise LeveretFormatError(f"windows of {window} pixels are to be held inside an image of {pixels}")
        else:
            asked = begins
            begins = np.clip(asked, 0, pixels - window)
            inside, rest = np.divmod(asked - begins, self.stride)
            if rest.any():
                raise LeveretFormatError(f"windows of {window} pixels end between two strides of {self.stride}")
            inside = inside + self.middle
        if inside.min() < 0 or inside.max() >= grid:
            raise LeveretFormatError(f"place {inside.min()} to {inside.max()} of a window of {grid} is meant")
        return begins, inside

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(name: str, value: Any) -> Axis:
        """An axis of a file's settings.

        Raises:
            LeveretFormatError: says which entry is wrong, and how.
        """
        keys = Axis.__dataclass_fields__.keys()
        if not isinstance(value, Mapping) or value.keys() != keys:
            raise LeveretFormatError(f"{name} must be an object of {', '.join(keys)}")
        for key in keys - {"held"}:
            low = 1 if key in ("stride", "size") else 0 if key == "middle" else -_MOST
            n = value[key]
            if isinstance(n, bool) or not isinstance(n, int) or not low <= n <= _MOST:
                raise LeveretFormatError(f"{key} of {name} must be a whole number in {low}..{_MOST}, got {str(n)[:50]}")
        if not isinstance(value["held"], bool):
            raise LeveretFormatError(f"held of {name} must be true or false, got {str(value['held'])[:50]}")
        return Axis(**value)


def check_beside(begins: Ints, pixels: int, window: int) -> None:
    """Raise `LeveretFormatError` where windows would lie further from the image than beside it."""
    if begins.min() < -window or begins.max() > pixels:
        raise LeveretFormatError(
            f"windows of {window} pixels begin at {begins.min()} to {begins.max()}, far from an image of {pixels}"
        )


class Windows:
    """The patches of a net's images, and the whole images that may stand for them.

    Args:
        axes: of rows, of columns.
        contract: what the net takes.
        grid: rows and columns of places.
        fine: the part that takes patches.
        whole: the part that takes a whole image; None where no such run can stand for patches.

    Raises:
        LeveretFormatError: windows that don't give every place, or lie far from the image.
    """

    def __init__(
        self, axes: Sequence[Axis], contract: InputContract, grid: tuple[int, int], fine: Packed, whole: Packed | None
    ) -> None:
        self.columns = grid[1]
        self.size = fine.input.shape[1], fine.input.shape[2]
        self.whole_size = None if whole is None else (whole.input.shape[1], whole.input.shape[2])
        self._whole_from = axes[0].whole, axes[1].whole
        self._begins, self._inside = [], []
        for axis, places, pixels, window, own in zip(
            axes, grid, contract.shape[1:], self.size, fine.output_shape[1:], strict=True
        ):
            begins, inside = axis.placed(places, pixels, window, own)
            self._begins.append(begins)
            self._inside.append(inside)
        self._lone = fine.output_shape[1:] == (1, 1)
        # of each place at once: one small step less for each patch of a single image counts
        self._top, self._left = (axis.ravel() for axis in np.meshgrid(*self._begins, indexing="ij"))
        self._reaches = self._beyond(contract.shape[1:])
        self._mean, self._std = (None if row is None else of_pixels(row) for row in (contract.mean, contract.std))
        if self.whole_size is not None:
            for axis, pixels, side in zip(axes, contract.shape[1:], self.whole_size, strict=True):
                check_beside(np.array([axis.whole]), pixels, side)

    def patches(self, images: Images, sample: Ints, place: Ints) -> Images:
        """`(n, channels, *size)`, of each place the window that it is computed from."""
        top, left = self._top[place], self._left[place]
        if self._reaches[place].any():
            return cut(images, sample, top, left, self.size, self._mean, self._std)
        return _taken(images, sample, top, left, self.size)

    def vectors(self, features: Images, place: Ints) -> Images:
        """`(n, D)`: of those windows' features `(n, rows, columns, D)` the place that is meant in each."""
        if self._lone:
            return features[:, 0, 0]
        row, column = self._inside[0][place // self.columns], self._inside[1][place % self.columns]
        return features[np.arange(len(place)), row, column]

    def _beyond(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Of each place, whether its window reaches past an image of that height and width."""
        (height, width), (down, across) = shape, self.size
        return (self._top < 0) | (self._left < 0) | (self._top + down > height) | (self._left + across > width)

    def wholes(self, images: Images, sample: Ints) -> Images:
        """Whole images, as the part for them takes them."""
        assert self.whole_size is not None
        if self._whole_from == (0, 0) and self.whole_size == images.shape[2:]:
            return images if len(sample) == len(images) else images[sample]
        top, left = (np.full(len(sample), first) for first in self._whole_from)
        return cut(images, sample, top, left, self.whole_size, self._mean, self._std)


def cut(images: Images, sample: Ints, top: Ints, left: Ints, size: tuple[int, int], mean: Any, std: Any) -> Images:
    """Windows `(n, channels, *size)` of contiguous images `(batch, channels, height, width)`, uint8 or normalised.

    Where a window reaches past its image it goes on in zeros, that is, in the mean of pixels. So pixels stay pixels as
    long as all windows lie inside; else they come out normalised.

    Args:
        sample, top, left: `(n,)`, of each window the image and its first pixel.
        size: height and width.
        mean, std: per channel, of pixels in 0..255, float32; None for images that are floats.
    """
    (height, width), (down, across) = images.shape[2:], size
    above, before = max(0, -int(top.min())), max(0, -int(left.min()))
    below, behind = max(0, int(top.max()) + down - height), max(0, int(left.max()) + across - width)
    if not (above or before or below or behind):
        return _taken(images, sample, top, left, size)
    wide = np.zeros((*images.shape[:2], above + height + below, before + width + behind), images.dtype)
    wide[:, :, above : above + height, before : before + width] = images
    windows = _taken(wide, sample, top + above, left + before, size)
    if images.dtype != np.uint8:
        return windows
    row, column = top[:, None] + np.arange(down), left[:, None] + np.arange(across)
    on_rows, on_columns = (row >= 0) & (row < height), (column >= 0) & (column < width)
    floats = (windows.astype(np.float32) - mean[:, None, None]) / std[:, None, None]
    return floats * (on_rows[:, None, :, None] & on_columns[:, None, None, :])


def _taken(images: Images, sample: Ints, top: Ints, left: Ints, size: tuple[int, int]) -> Images:
    n, channels, height, width = images.shape
    strides = images.strides
    shape = (n, channels, height - size[0] + 1, width - size[1] + 1, *size)
    # a view of all windows, of which only the chosen ones are copied; as_strided takes twice the time
    every: Images = np.ndarray(shape, images.dtype, images, 0, (*strides, strides[2], strides[3]))
    return every[sample, :, top, left]
