"""Cluttered images: a digit at a random place of a large canvas, among pieces cut from other digits.

The task on which attention is measured (Mnih et al., "Recurrent models of visual attention", NeurIPS 2014, section 4.1;
Almahairi et al., "Dynamic capacity networks", ICML 2016, section 4.1): what tells the classes apart is a small part of
the image, and where it lies differs from image to image.

Nothing is stored. Image i is made when it is fetched, from the seed and i alone: it is the same in any batch, in any
order and in any process, and a million of them need no more memory than a batch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from leveret._keyed import KeyedDraws, keys_under, view_keys
from leveret.data._clutter_checks import Layout, checked_backgrounds, checked_layout, checked_size
from leveret.data._measure import measure
from leveret.data._types import Data, LoadReport, Split
from leveret.errors import LeveretUsageError

__all__ = ["Clutter", "ClutteredSplit", "cluttered"]

# as many images at a time as stay in the processor's caches, of the papers' size
_BLOCK_PIXELS = 64 * 100 * 100
# enough for the mean and deviation of pixels to three digits
_MEASURED = 4096


def cluttered(
    data: Data,
    canvas: tuple[int, int] = (100, 100),
    distractors: int = 8,
    distractor_size: int | tuple[int, int] = 8,
    seed: int = 0,
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    backgrounds: NDArray[np.uint8] | None = None,
) -> Data:
    """Cluttered images made of a source's own, with the labels of the digits that they show.

    Image i of a part shows sample i, modulo their number, of the source's same part: test images are made of test
    digits alone, and so are their distractors. On an empty canvas, `distractors` pieces are cut from other samples of
    the part, each from a random place of a random one, and added at random places; then the digit is added, as a whole
    within the canvas. All places are equally likely. Sums beyond 255 stay at 255, as in the generator of Mnih et al.

    Args:
        data: images on black (zeros), such as MNIST's or `leveret.load("digits")`; other images are laid as they are.
        canvas: height and width of an image, at least the digit's.
        distractors: number of pieces.
        distractor_size: of a piece, a side or height and width; at most the digit's.
        seed: of all places and pieces, from 0 to 2⁶⁴ − 1.
        train, val, test: number of images in each part; default: as many as the source's part has. More than that show
            each digit again, elsewhere and in other clutter: with as many as a whole training takes, no image is seen
            twice.
        backgrounds: uint8 `(n, height, width)` or `(n, channels, height, width)`, at least as large as the canvas. A
            random window of a random one lies below each image. Default: black.

    Returns:
        `Data` whose parts are `ClutteredSplit`s: `fetch` makes images, `boxes` says where their digits lie. Only labels
        and places are kept, 16 bytes an image. The normalisation is measured on the first 4,096 training images.

    Deviations from the papers: there a distractor may be cut from the very digit that is shown, here it is not. Their
    test images were made once; here they are made again from the seed, always the same.

    Raises:
        LeveretUsageError: tables or texts; a canvas smaller than the digit; distractors larger than it; numbers that
            are negative or not whole; backgrounds of another kind or too small.
        LeveretDataError: images are asked of a part without samples, or distractors of a part with a single one.

    Example:
        >>> data = leveret.data.cluttered(leveret.load("digits"), canvas=(40, 40), distractor_size=3, train=100_000)
        >>> data.train.fetch([0, 99_999]).shape
        (2, 1, 40, 40)
    """
    layout = checked_layout(data, canvas, distractors, distractor_size, seed)
    below = checked_backgrounds(backgrounds, data.image_shape[0], layout.canvas)
    wanted = {"train": train, "val": val, "test": test}
    parts = {}
    for number, (name, split) in enumerate(data.splits.items()):
        size = checked_size(name, wanted[name], split, layout.distractors)
        images = Clutter(split, layout, seed, part=number, backgrounds=below)
        labels = np.resize(split.labels, size) if size else np.empty(0, np.int64)
        parts[name] = ClutteredSplit(name, images, np.arange(size), labels, split.num_classes)
    height, width = layout.canvas
    first = parts["train"].subset(np.arange(min(_MEASURED, len(parts["train"]))))
    note = (
        f"cluttered (seed {seed}): a sample of {data.name} on {height}x{width} with {layout.distractors} pieces of "
        f"{layout.piece[0]}x{layout.piece[1]} from others"
        + (f", over {len(below)} backgrounds" if below is not None else "")
        + f"; the normalisation is that of the first {len(first)} training images"
    )
    report = LoadReport(
        found=sum(len(part) for part in parts.values()),
        notes=[*data.report.notes, note],
        warnings=list(data.report.warnings),
    )
    return replace(
        data,
        name=f"cluttered {data.name}",
        train=parts["train"],
        val=parts["val"],
        test=parts["test"],
        image_shape=(data.image_shape[0], height, width),
        normalization=measure(first, "image"),
        report=report,
    )


class Clutter:
    """An endless source of cluttered images, made from the numbers that are asked for.

    Args:
        digits: the part that digits and pieces are taken from.
        layout: sizes and numbers, as `cluttered` checks them.
        seed: of all draws.
        part: parts with other numbers share no draws.
        backgrounds: `(n, channels, height, width)` uint8, or None.
    """

    def __init__(
        self, digits: Split, layout: Layout, seed: int, part: int = 0, backgrounds: NDArray[np.uint8] | None = None
    ) -> None:
        self.digits = digits
        self.layout = layout
        self.backgrounds = backgrounds
        self._key = view_keys(seed, [part])

    def fetch(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """The images of these numbers, from 0: uint8 `(n, channels, height, width)`.

        Raises:
            LeveretUsageError: a number below 0.
        """
        numbers = _numbers(indices)
        layout = self.layout
        images = np.zeros((len(numbers), layout.channels, *layout.canvas), np.uint8)
        block = max(1, _BLOCK_PIXELS // (layout.channels * layout.canvas[0] * layout.canvas[1]))
        for start in range(0, len(numbers), block):
            self._fill(images[start : start + block], numbers[start : start + block])
        return images

    def boxes(self, indices: ArrayLike, *, tight: bool = False) -> NDArray[np.int64]:
        """Where the digits lie in the images of these numbers: `(n, 4)` int64, left, top, right, bottom, in pixels.

        Right and bottom are the first beyond it, so that `image[:, top:bottom, left:right]` is the digit.

        Args:
            indices: numbers of images, from 0.
            tight: the smallest box around the pixels above 0 instead of the whole sample with its margins; the whole
                one where a sample has none.

        Raises:
            LeveretUsageError: a number below 0.
        """
        numbers = _numbers(indices)
        top, left = self._places(self._draws(numbers), len(numbers))
        height, width = self.layout.digit
        if not tight or not len(numbers):
            return np.stack([left, top, left + width, top + height], 1)
        ink = self.digits.fetch(numbers % len(self.digits)).any(1)
        rows, columns = ink.any(2), ink.any(1)
        rows[~rows.any(1)], columns[~columns.any(1)] = True, True
        return np.stack(
            [
                left + columns.argmax(1),
                top + rows.argmax(1),
                left + width - columns[:, ::-1].argmax(1),
                top + height - rows[:, ::-1].argmax(1),
            ],
            1,
        )

    def _draws(self, numbers: NDArray[np.int64]) -> KeyedDraws:
        return KeyedDraws(keys_under(self._key, numbers))

    def _places(self, draws: KeyedDraws, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Top and left of the digits: the first draws, so that boxes need no others."""
        (height, width), (tall, wide) = self.layout.canvas, self.layout.digit
        return draws.integers(0, height - tall + 1, n), draws.integers(0, width - wide + 1, n)

    def _fill(self, images: NDArray[np.uint8], numbers: NDArray[np.int64]) -> None:
        """Make the images of these numbers in zeroed memory."""
        n, layout = len(numbers), self.layout
        draws = self._draws(numbers)
        top, left = self._places(draws, n)
        own = numbers % len(self.digits)
        if self.backgrounds is not None:
            self._lay_backgrounds(images, draws)
        if layout.distractors:
            pieces, tops, lefts = self._pieces(draws, own)
            for i in range(layout.distractors):
                _add(images, pieces[i], tops[i], lefts[i])
        _add(images, self.digits.fetch(own), top, left)

    def _pieces(self, draws: KeyedDraws, own: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """The distractors `(distractors, n, channels, height, width)`, and their tops and lefts `(distractors, n)`."""
        layout, size = self.layout, (self.layout.distractors, len(own))
        (height, width), (tall, wide), (high, broad) = layout.canvas, layout.digit, layout.piece
        # any sample but the one that is shown
        others = draws.integers(0, len(self.digits) - 1, size)
        others += others >= own
        down, across = draws.integers(0, tall - high + 1, size), draws.integers(0, wide - broad + 1, size)
        tops, lefts = draws.integers(0, height - high + 1, size), draws.integers(0, width - broad + 1, size)
        samples = self.digits.fetch(others.reshape(-1))
        cut = _windows(samples, (high, broad))[np.arange(others.size), :, down.reshape(-1), across.reshape(-1)]
        return cut.reshape(*size, *cut.shape[1:]), tops, lefts

    def _lay_backgrounds(self, images: NDArray[np.uint8], draws: KeyedDraws) -> None:
        assert self.backgrounds is not None
        (height, width), n = self.layout.canvas, len(images)
        count, _, tall, wide = self.backgrounds.shape
        chosen, tops, lefts = (draws.integers(0, high, n) for high in (count, tall - height + 1, wide - width + 1))
        for i, (which, top, left) in enumerate(zip(chosen, tops, lefts, strict=True)):
            images[i] = self.backgrounds[which, :, top : top + height, left : left + width]


class ClutteredSplit(Split):
    """A part of cluttered images, that knows where their digits lie."""

    _source: Clutter

    def boxes(self, indices: ArrayLike, *, tight: bool = False) -> NDArray[np.int64]:
        """The digits' boxes in the images at `indices`: `(n, 4)` int64, see `Clutter.boxes`."""
        return self._source.boxes(self._places[np.asarray(indices, dtype=np.int64)], tight=tight)

    def subset(self, indices: ArrayLike) -> ClutteredSplit:
        """A split of only the images at `indices`, in that order."""
        kept = super().subset(indices)
        return ClutteredSplit(self.name, self._source, kept.places, kept.labels, self.num_classes)


def _numbers(indices: ArrayLike) -> NDArray[np.int64]:
    numbers = np.asarray(indices, dtype=np.int64).reshape(-1)
    if len(numbers) and numbers.min() < 0:
        raise LeveretUsageError(f"images are numbered from 0, got {numbers.min()}")
    return numbers


def _windows(images: NDArray[np.uint8], size: tuple[int, int], writeable: bool = False) -> NDArray[np.uint8]:
    """All windows of a size: `(n, channels, tops, lefts, *size)`; a view."""
    return sliding_window_view(images, size, axis=(2, 3), writeable=writeable)


def _add(images: NDArray[np.uint8], patches: NDArray[np.uint8], tops: NDArray[Any], lefts: NDArray[Any]) -> None:
    """Add a patch to each image at its place; 255 is the most."""
    windows = _windows(images, patches.shape[2:], writeable=True)
    at = (np.arange(len(images)), slice(None), tops, lefts)
    sums = windows[at] + patches
    # what went beyond 255 came round to less than was added
    sums[sums < patches] = 255
    windows[at] = sums
