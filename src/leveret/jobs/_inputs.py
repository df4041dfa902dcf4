"""What `predict` is pointed at, as single images: files, folders searched at any depth, rows of arrays."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data.images import EXTENSIONS
from leveret.errors import LeveretDataError

__all__ = ["Item", "inputs"]

_ARRAYS = ("x_test", "x", "images")
_ROWS = 256  # images read at once
_BYTES = 1 << 26  # of these, at most


@dataclass(frozen=True)
class Item:
    """One image, or why there is none.

    Attributes:
        source: a path, `file.npz:name[row]` or `file.npy[row]`.
        pixels: `(channels, height, width)` uint8, where the image is an array or a row of one; else None: `source` is a
            file of another kind.
        error: why there is no image, or None.
    """

    source: str
    pixels: NDArray[np.uint8] | None = None
    error: str | None = None


def inputs(paths: Iterable[str | os.PathLike[str]], channels: int | None = None) -> Iterator[Item]:
    """The images that `paths` name, in order; folders in the order of their names, hidden files left out.

    Args:
        paths: files and folders.
        channels: that the model takes, if that is known: to one of grey images `(3, height, width)` are three.
    """
    for path in paths:
        text = os.fspath(path)
        if os.path.isdir(text):
            yield from _folder(text)
        elif text.lower().endswith(".npz"):
            yield from _archive(text)
        elif text.lower().endswith(".npy"):
            yield from _array(text, channels)
        else:
            yield Item(text)


def _folder(path: str) -> Iterator[Item]:
    failed: list[Item] = []
    found = False
    for folder, folders, files in os.walk(path, onerror=lambda e: failed.append(Item(str(e.filename), error=_why(e)))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:
                found = True
                yield Item(os.path.join(folder, name))
    yield from failed
    if not found and not failed:
        yield Item(path, error=f"a folder without images ({', '.join(sorted(EXTENSIONS))})")


def _array(path: str, channels: int | None) -> Iterator[Item]:
    """The images of a `.npy` file, which is read as it is asked for; or the one image that it is, if it has no more
    sides than that."""
    from leveret.data._npz import pixels_of

    name = Path(path).name
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        first = (1,) if channels == 1 else (1, 3)
        if array.ndim == 2 or (array.ndim == 3 and (array.shape[0] in first or array.shape[2] in (1, 3))):
            yield Item(path, pixels_of(array[None], name)[0])
            return
        # whether fractions reach to 1 or to 255 shows only in the whole array
        rows = _at_once(array.shape) if array.dtype == np.uint8 and array.ndim > 2 else max(1, len(array))
        for start in range(0, max(1, len(array)), rows):
            for i, image in enumerate(pixels_of(array[start : start + rows], name), start):
                yield Item(f"{path}[{i}]", image)
    except Exception as error:  # numpy, zipfile and zlib raise a dozen kinds on damaged content
        yield Item(path, error=_unreadable(error, "a whole .npy file of a plain array"))


def _archive(path: str) -> Iterator[Item]:
    try:
        with zipfile.ZipFile(path) as archive:
            name = _array_name(archive)
            for start, pixels in _chunks(archive, name, path):
                for i, image in enumerate(pixels, start):
                    yield Item(f"{path}:{name}[{i}]", image)
    except Exception as error:  # numpy, zipfile and zlib raise a dozen kinds on damaged content
        yield Item(path, error=_unreadable(error, "a whole .npz file of plain arrays"))


def _unreadable(error: Exception, what: str) -> str:
    """Why a file can't be read that isn't `what`."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, OSError):
        return _why(error)
    text = " ".join(str(error).split())
    return text if isinstance(error, LeveretDataError) else f"not {what} ({text})"


def _array_name(archive: zipfile.ZipFile) -> str:
    names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    wanted = [name for name in _ARRAYS if name in names] or (names if len(names) == 1 else [])
    if not wanted:
        raise LeveretDataError(
            f"must hold {', '.join(_ARRAYS[:-1])} or {_ARRAYS[-1]}, or one array; it holds {', '.join(names) or 'none'}"
        )
    return wanted[0]


def _chunks(archive: zipfile.ZipFile, name: str, path: str) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Rows as uint8 `(n, channels, height, width)`, with the number of the first."""
    from leveret.data._npz import pixels_of

    title = f"{Path(path).name}: {name}"
    with archive.open(f"{name}.npy") as file:
        shape, fortran, dtype = _header(file)
        if dtype != np.uint8 or fortran or len(shape) < 3:
            # whether fractions reach to 1 or to 255 shows only in the whole array
            array = np.lib.format.read_array(_rewound(archive, name), allow_pickle=False)
            yield 0, pixels_of(array, title)
            return
        size, most = math.prod(shape[1:]), _at_once(shape)
        for start in range(0, shape[0], most):
            rows = min(most, shape[0] - start)
            buffer = file.read(rows * size)
            if len(buffer) < rows * size:
                raise LeveretDataError(f"{name} ends in the middle of row {start + len(buffer) // max(size, 1)}")
            yield start, pixels_of(np.frombuffer(buffer, np.uint8).reshape(rows, *shape[1:]), title)


def _at_once(shape: tuple[int, ...]) -> int:
    return max(1, min(_ROWS, _BYTES // max(1, math.prod(shape[1:]))))


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _rewound(archive: zipfile.ZipFile, name: str) -> Any:
    return archive.open(f"{name}.npy")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
