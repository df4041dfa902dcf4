"""`predict` for packed nets of maps: a mask and an overlay for each image, of any size, without torch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._files import replacing
from leveret.data import TiledImage
from leveret.data.segmentation._overlay import as_picture, laid_over, legend, with_legend
from leveret.data.segmentation._palette import Color, checked_palette, palette_table
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.jobs._inputs import Item, inputs
from leveret.jobs._tiling import ScaledImage, segment
from leveret.jobs.predict import batch_size

__all__ = ["MaskPrediction", "check_maps_of_pixels", "run"]

_MOST_CLASSES = 255
_MOST_PIXELS = 1 << 32
_LONGEST_OVERLAY = 1600


@dataclass(frozen=True)
class MaskPrediction:
    """What the model says of one image.

    Attributes:
        source: the file, or `file.npz:name[row]`.
        mask: a PNG of the image's size, of a palette: a pixel's number is its class.
        overlay: a PNG of the image, at most 1600 pixels a side, with the classes laid over and a legend.
        shares: (class, share of the pixels) of the classes found, the largest first.
        error: why the image could not be read, or None.
    """

    source: str
    mask: Path | None = None
    overlay: Path | None = None
    shares: tuple[tuple[str, float], ...] = ()
    error: str | None = None

    def words(self, most: int) -> list[str]:
        """The image, its mask, then at most so many classes with their shares, for a line."""
        return [self.source, str(self.mask), *(f"{name}\t{share:.4f}" for name, share in self.shares[:most])]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; of what could not be read, the error."""
        if self.error is not None:
            return {"path": self.source, "error": self.error}
        shares = {name: round(share, 6) for name, share in self.shares}
        return {"path": self.source, "mask": str(self.mask), "overlay": str(self.overlay), "shares": shares}


def run(
    model: str | os.PathLike[str] | Any,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overlap: float = 0.25,
    scale: float | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
) -> Iterator[MaskPrediction]:
    """Write the mask of each image into `out`, in the order of `paths`.

    Memory doesn't grow with the image beyond a byte a pixel, as far as its file can be read by regions; see
    `TiledImage`.

    Args:
        model: path of a `.lvr` file, or a `leveret.runtime.Packed`, of a net of maps.
        paths: image files; folders, searched for images at any depth; `.npz` files of images.
        out: a folder; made where there is none. Files there of the same names are replaced.
        overlap: share of a tile that neighbours have in common at the least, in [0, 0.9].
        scale: of the images' sides before the net sees them. Default: what the model's training had.
        threads: of the kernels; None takes `LEVERET_THREADS` or all cores.
        max_pixels: a larger image is an error; see `TiledImage`.

    Yields:
        A `MaskPrediction` an image; one with `error` set for each that could not be read.

    Raises:
        LeveretUsageError: an argument out of range, the model gives no maps of pixels, or masks would be written among
            the images, where they could replace one or be taken for one. Raised at once, as is:
        LeveretFormatError: the model is not a whole, valid .lvr file.
    """
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    if not 0 <= overlap <= 0.9:
        raise LeveretUsageError(f"overlap must be a share of a tile in [0, 0.9], got {overlap}")
    if scale is not None and not 0.001 <= scale <= 1000:
        raise LeveretUsageError(f"scale must be a factor above 0, got {scale}")
    packed: Any = model
    if isinstance(model, str | os.PathLike):
        from leveret import runtime

        packed = runtime.load(model)
    check_maps_of_pixels(packed)
    if scale is None:
        scale = _scale_of(packed.provenance)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise LeveretUsageError(f"{folder} is a file; masks go to a folder")
    named = [os.fspath(path) for path in paths]
    _check_apart(named, folder)
    return _predictions(_Segmenter(packed, overlap, scale, threads), named, folder, max_pixels)


def _check_apart(paths: Iterable[str], folder: Path) -> None:
    """Masks are PNGs with the images' names, so they may not come to stand where images are read."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    out = folder.resolve()
    for path in map(Path, paths):
        where = path.resolve()
        among = where == out or where in out.parents if path.is_dir() else where.parent == out
        if among and (path.is_dir() or path.suffix.lower() == ".png"):
            raise LeveretUsageError(
                f"the masks' folder {folder} is among what is read, by {path}: masks could replace images there, or be "
                "taken for some; choose a folder apart from the images"
            )


def check_maps_of_pixels(packed: Any) -> None:
    """Only nets that give each pixel of an image a class can be asked here.

    Raises:
        LeveretUsageError: says what the model is instead.
    """
    if len(packed.output_shape) != 3 or len(packed.input.shape) != 3 or packed.input.mean is None:
        raise LeveretUsageError(
            "masks need a model that takes pixels and gives maps; this one gives "
            f"{'x'.join(map(str, packed.output_shape))} values an image"
        )
    if tuple(packed.output_shape[1:]) != tuple(packed.input.shape[1:]):
        raise LeveretUsageError(
            f"the model gives maps of {packed.output_shape[1]}x{packed.output_shape[2]} places for images of "
            f"{packed.input.shape[1]}x{packed.input.shape[2]}; masks need a class for each pixel"
        )
    if packed.output_shape[0] > _MOST_CLASSES:
        raise LeveretUsageError(f"the model has {packed.output_shape[0]} classes; a mask can hold {_MOST_CLASSES}")


class _Segmenter:
    """A packed net with what its masks are shown by."""

    def __init__(self, packed: Any, overlap: float, scale: float, threads: int | None) -> None:
        self.packed = packed
        self.overlap = overlap
        self.scale = scale
        self.threads = threads
        number = packed.output_shape[0]
        self.names = tuple(packed.classes) if len(packed.classes) == number else tuple(map(str, range(number)))
        self.colors: tuple[Color, ...] = checked_palette(packed.provenance.get("palette"), number)

    def write(self, image: Any, mask: Path, overlay: Path) -> tuple[tuple[str, float], ...]:
        """Both files of an image; gives the classes' shares."""
        seen = ScaledImage(image, self.scale)
        if seen.height * seen.width > _MOST_PIXELS:
            raise LeveretDataError(f"{seen.height}x{seen.width} pixels, once scaled by {self.scale:g}, are too many")
        _, height, width = self.packed.input.shape
        with tempfile.TemporaryFile() as room:
            labels: Any = np.memmap(room, np.uint8, "w+", shape=(seen.height, seen.width))
            counts = segment(
                lambda tiles: self.packed(tiles, threads=self.threads),
                seen,
                (height, width),
                len(self.names),
                labels,
                overlap=self.overlap,
                batch=min(8, batch_size(self.packed)),
                shares=self.packed.layers()[-1].op == "softmax",
            )
            write_mask(mask, labels, self.colors, (image.height, image.width))
            self._overlay(image, labels, counts, overlay)
            del labels
        shares = counts / counts.sum()
        order = np.argsort(-shares, kind="stable")
        return tuple((self.names[i], float(shares[i])) for i in order if counts[i])

    def _overlay(self, image: Any, labels: NDArray[np.uint8], counts: NDArray[np.int64], path: Path) -> None:
        pixels = image.thumbnail(_LONGEST_OVERLAY)
        height, width = pixels.shape[1:]
        rows = ((np.arange(height) + 0.5) * (labels.shape[0] / height)).astype(np.int64)
        columns = ((np.arange(width) + 0.5) * (labels.shape[1] / width)).astype(np.int64)
        small = np.asarray(labels[rows])[:, columns]
        # a tiny image is shown in whole multiples, so that there is something to see
        times = max(1, 480 // max(height, width))
        shown = as_picture(laid_over(pixels, small, self.colors).repeat(times, 1).repeat(times, 2))
        there = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
        notes = [f"{share:.1%}" for share in (counts / counts.sum())[there]]
        names, colors = [self.names[i] for i in there], [self.colors[i] for i in there]
        key = legend(max(shown.width, 240), names, colors, notes)
        with replacing(path) as temporary:
            with_legend(shown, key).save(temporary, format="PNG")


def write_mask(path: Path, labels: NDArray[np.uint8], colors: tuple[Color, ...], size: tuple[int, int]) -> None:
    from leveret.jobs._palette_png import write_palette_png

    write_palette_png(path, labels, palette_table(colors), size)


class _Array:
    """A row of an array as an image that is read by regions."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[1:]

    def region(self, box: Any) -> NDArray[np.uint8]:
        left, top, right, bottom = box
        return self.pixels[:, top:bottom, left:right]

    def thumbnail(self, max_side: int) -> NDArray[np.uint8]:
        step = -(-max(self.height, self.width) // max_side)
        return self.pixels[:, ::step, ::step]


def _predictions(
    segmenter: _Segmenter, paths: Iterable[Any], folder: Path, max_pixels: int | None
) -> Iterator[MaskPrediction]:
    taken: set[str] = set()
    channels = int(segmenter.packed.input.shape[0])
    for item in inputs(paths, channels):
        if item.error is not None:
            yield MaskPrediction(item.source, error=item.error)
            continue
        try:
            image = _image(item, channels, max_pixels)
            name = _name(item, taken)
            mask, overlay = folder / f"{name}.png", folder / f"{name}-overlay.png"
            shares = segmenter.write(image, mask, overlay)
        except LeveretDataError as error:
            text = str(error).removeprefix(f"{item.source}: ")
            yield MaskPrediction(item.source, error=text)
            continue
        taken |= {mask.stem, overlay.stem}
        yield MaskPrediction(item.source, mask, overlay, shares)


def _image(item: Item, channels: int, max_pixels: int | None) -> Any:
    if item.pixels is None or item.source.lower().endswith(".npy"):  # one image, which may be large
        return TiledImage(item.source, channels=channels, max_pixels=max_pixels)
    if len(item.pixels) != channels:
        raise LeveretDataError(f"an image of {len(item.pixels)} channels, the model takes {channels}")
    return _Array(item.pixels)


def _name(item: Item, taken: set[str]) -> str:
    """The image's own stem, with a number where that is another's, too."""
    stem = Path(item.source).stem
    if item.pixels is not None:
        file, _, row = item.source.rpartition(":")
        stem = f"{Path(file).stem}-{row[row.rindex('[') + 1 : -1]}"
    name, number = stem, 2
    while name in taken or f"{name}-overlay" in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _scale_of(provenance: Any) -> float:
    value = provenance.get("scale", 1.0)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0.001 <= value <= 1000
    return float(value) if usable else 1.0
