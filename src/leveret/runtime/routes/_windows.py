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

__all__ = ["Axis", "Windows"]

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
        if window > pixels:
            raise LeveretFormatError(f"windows of {window} pixels are larger than an image of {pixels}")
        begins = self.first + self.stride * np.arange(places)
        check_beside(begins, pixels, window)
        if not self.held:
            inside = np.full(places, self.middle)
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
        self._mean, self._std = (
            of_pixels(row or (1.0,) * contract.shape[0])[:, None, None] for row in (contract.mean, contract.std)
        )
        if self.whole_size is not None:
            for axis, pixels, side in zip(axes, contract.shape[1:], self.whole_size, strict=True):
                check_beside(np.array([axis.whole]), pixels, side)

    def patches(self, images: Images, sample: Ints, place: Ints) -> Images:
        """`(n, channels, *size)`, of each place the window that it is computed from."""
        top, left = self._top[place], self._left[place]
        if not self._reaches[place].any():
            return _taken(images, sample, top, left, self.size)
        rows, columns = (
            _Side.of(begins, pixels, window)
            for begins, pixels, window in zip((top, left), images.shape[2:], self.size, strict=True)
        )
        return self._reaching(images, sample, rows, columns)

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
        rows, columns = (
            _Side.of(np.full(len(sample), first), pixels, side)
            for first, pixels, side in zip(self._whole_from, images.shape[2:], self.whole_size, strict=True)
        )
        return self._reaching(images, sample, rows, columns)

    def _reaching(self, images: Images, sample: Ints, rows: _Side, columns: _Side) -> Images:
        """Windows that reach past their images, where they go on in zeros: in the mean of pixels, so that these come
        out normalised."""
        near = images[sample[:, None, None], :, rows.near[:, :, None], columns.near[:, None, :]]
        windows = near.transpose(0, 3, 1, 2)
        if images.dtype == np.uint8:
            windows = (windows.astype(np.float32) - self._mean) / self._std
        return np.ascontiguousarray(windows * (rows.on[:, None, :, None] * columns.on[:, None, None, :]))


@dataclass(frozen=True)
class _Side:
    """Windows along one axis of an image.

    Attributes:
        near: `(n, window)`, the image's pixels, and where a window reaches past it those at its border.
        on: the same shape, float32: 1 on the image, 0 beside it.
    """

    near: Ints
    on: NDArray[np.float32]

    @staticmethod
    def of(begins: Ints, pixels: int, window: int) -> _Side:
        at = begins[:, None] + np.arange(window)
        near = at.clip(0, pixels - 1)
        return _Side(near, (near == at).astype(np.float32))


def _taken(images: Images, sample: Ints, top: Ints, left: Ints, size: tuple[int, int]) -> Images:
    n, channels, height, width = images.shape
    strides = images.strides
    shape = (n, channels, height - size[0] + 1, width - size[1] + 1, *size)
    # a view of all windows, of which only the chosen ones are copied; as_strided takes twice the time
    every: Images = np.ndarray(shape, images.dtype, images, 0, (*strides, strides[2], strides[3]))
    return every[sample, :, top, left]
