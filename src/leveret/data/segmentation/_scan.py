"""Every pair is decoded once and let go: what can't be used, how often classes occur, how bright channels are.

What was found is kept in the cache, so that the next load of the same source needs no look at the pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._files import replacing
from leveret.data._pixels import WORKERS, in_chunks
from leveret.data.images import probe_image, read_image
from leveret.data.segmentation._masks import MOST_CLASSES, BeyondClasses, MaskReader
from leveret.errors import LeveretDataError, LeveretError

__all__ = ["Scan", "scan"]

_VERSION = 1
_BLOCK = 1 << 20


@dataclass
class Scan:
    """What each pair holds.

    Attributes:
        pixels: `(n, values)` int64: labelled pixels of each class; of each value where nothing names classes.
        sums, squares: `(n, channels)` int64, of the pixels of each channel and of their squares.
        sizes: `(n, 2)` int64, height and width.
        bad: why a pair can't be used, by its place.
        beyond: of those whose masks hold values that no class has.
    """

    pixels: NDArray[np.int64]
    sums: NDArray[np.int64]
    squares: NDArray[np.int64]
    sizes: NDArray[np.int64]
    bad: dict[int, str]
    beyond: dict[int, str]


def scan(
    images: Sequence[Any],
    masks: Sequence[Any],
    reader: MaskReader,
    channels: int,
    fingerprint: str,
    cache: Path | None,
    track: Any,
) -> Scan:
    """Look at every pair, in a few threads, or find what an earlier look kept.

    Args:
        images, masks: paths or bytes.
        reader: of the masks.
        channels: of the images.
        fingerprint: of the source's content.
        cache: folder; None for none.
        track: wraps an iterable and shows its progress.
    """
    key = f"{_VERSION}|{fingerprint}|{reader}|{channels}|{len(images)}"
    kept = None if cache is None else cache / "masks" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if kept is not None and (found := _load(kept, len(images))) is not None:
        return found
    found = _look(images, masks, reader, channels, track)
    if kept is not None:
        try:
            with replacing(kept) as temporary, temporary.open("wb") as file:
                words = np.array(json.dumps([found.bad, found.beyond]))
                arrays = {name: getattr(found, name) for name in ("pixels", "sums", "squares", "sizes")}
                np.savez(file, words=words, **arrays)
        except LeveretError:  # a cache that can't be written is none
            pass
    return found


def _load(path: Path, count: int) -> Scan | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            bad, beyond = ({int(i): str(why) for i, why in part.items()} for part in json.loads(str(kept["words"])))
            found = Scan(kept["pixels"], kept["sums"], kept["squares"], kept["sizes"], bad, beyond)
    except Exception:  # missing or damaged: look again
        return None
    return found if len(found.sizes) == count else None


def _look(images: Sequence[Any], masks: Sequence[Any], reader: MaskReader, channels: int, track: Any) -> Scan:
    count = len(images)
    values = len(reader.classes) or MOST_CLASSES
    found = Scan(
        np.zeros((count, values), np.int64),
        np.zeros((count, channels), np.int64),
        np.zeros((count, channels), np.int64),
        np.zeros((count, 2), np.int64),
        {},
        {},
    )

    def one(i: int) -> None:
        try:
            pixels, labels = read_pair(images[i], masks[i], reader, channels)
        except BeyondClasses as error:
            found.beyond[i] = str(error)
        except LeveretDataError as error:
            found.bad[i] = str(error)
        else:
            found.pixels[i] = count_labels(labels, values)
            if not found.pixels[i].any():
                found.bad[i] = "every pixel of its mask is ignored"
            found.sizes[i] = labels.shape
            for channel, plane in enumerate(pixels):
                counts = sum(np.bincount(part, minlength=256) for part in _blocks(plane))
                found.sums[i, channel] = (counts * np.arange(256)).sum()
                found.squares[i, channel] = (counts * np.arange(256) ** 2).sum()

    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in track(in_chunks(pool, one, count, 64), count):
            pass
    found.bad, found.beyond = dict(sorted(found.bad.items())), dict(sorted(found.beyond.items()))
    return found


def read_pair(
    image: Any, mask: Any, reader: MaskReader, channels: int, scale: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """An image `(channels, height, width)` uint8 with its labels `(height, width)` int16, −100 where there is none.

    Raises:
        LeveretDataError: either can't be read, or their sizes differ; a `BeyondClasses` for values of no class.
    """
    # sizes from the headers: what doesn't fit need not be decoded, and scaling might hide that it doesn't
    sizes = []
    for what, file in (("", image), ("its mask: ", mask)):
        try:
            sizes.append(probe_image(file)[:2])
        except LeveretDataError as error:
            raise LeveretDataError(f"{what}{error}") from error
    if sizes[0] != sizes[1]:
        raise LeveretDataError(
            f"the image is {sizes[0][0]}x{sizes[0][1]} (height x width), its mask {sizes[1][0]}x{sizes[1][1]}; both "
            "must have the same size"
        )
    pixels = read_image(image, channels, scale)
    try:
        return pixels, reader.read(mask, scale)
    except BeyondClasses:
        raise
    except LeveretDataError as error:
        raise LeveretDataError(f"its mask: {error}") from error


def count_labels(labels: NDArray[np.int16], number: int) -> NDArray[np.int64]:
    """Pixels of each class, `(number,)` int64; those without a label don't count."""
    counts = np.zeros(number, np.int64)
    for part in _blocks(labels):
        counts += np.bincount(part[part >= 0], minlength=number)
    return counts


def _blocks(plane: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """A plane's values in turn: counting makes eight bytes of each."""
    flat = plane.reshape(-1)
    for start in range(0, len(flat), _BLOCK):
        yield flat[start : start + _BLOCK]


def no_bar(items: Iterable[Any], total: int) -> Iterable[Any]:
    """A `track` that shows nothing."""
    return items
