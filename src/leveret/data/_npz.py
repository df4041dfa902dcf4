"""Arrays in a `.npz` file: `x_train, y_train, x_test, y_test` (and `x_val, y_val`), or `x, y` to be split."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data._raw import Part, Raw
from leveret.errors import LeveretDataError

__all__ = ["holds_fractions", "pixels_of", "read_npz"]

_SUFFIXES = ("_train", "_val", "_test")


def read_npz(path: Path) -> Raw:
    """Read the file; see the module for the names that are looked for.

    Raises:
        LeveretDataError: not a whole .npz, no such names, lengths that differ, NaN, or a layout that isn't images.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise LeveretDataError(f"{path} is not a whole .npz file of plain arrays: {error}") from error
    except Exception as error:  # zlib and struct raise their own on damaged content
        raise LeveretDataError(f"{path} is damaged: {error}") from error
    parts = {}
    for name, suffix in (("train", "_train"), ("val", "_val"), ("test", "_test"), ("all", "")):
        if f"x{suffix}" in arrays or f"y{suffix}" in arrays:
            parts[name] = _part(path, arrays, suffix)
    if not parts or ("all" in parts and len(parts) > 1) or ("all" not in parts and "train" not in parts):
        found = ", ".join(arrays) or "nothing"
        raise LeveretDataError(
            f"{path} must hold x_train and y_train (and x_test, y_test), or x and y; it holds {found}"
        )
    shapes = {part.items.shape[1:] for part in parts.values() if isinstance(part.items, np.ndarray)}
    if len(shapes) > 1:
        raise LeveretDataError(f"{path}: the parts' images differ in shape: {', '.join(map(str, sorted(shapes)))}")
    return Raw("pixels", parts)


def _part(path: Path, arrays: dict[str, Any], suffix: str) -> Part:
    for letter in "xy":
        if letter + suffix not in arrays:
            raise LeveretDataError(f"{path} has {'xy'.replace(letter, '')}{suffix} but no {letter}{suffix}")
    x, y = arrays["x" + suffix], arrays["y" + suffix]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(x) != len(y):
        raise LeveretDataError(
            f"{path}: x{suffix} has {len(x)} rows, y{suffix} must be as many labels, got shape {y.shape}"
        )
    pixels = pixels_of(x, f"{path}: x{suffix}")
    # other rows of as many plain values stand beside the images: z_train, z_test, or z
    others = [n for n, a in arrays.items() if n.endswith(suffix) and n not in ("x" + suffix, "y" + suffix)]
    if not suffix:
        others = [name for name in others if not name.endswith(_SUFFIXES)]
    columns = {
        name.removesuffix(suffix): arrays[name]
        for name in others
        if arrays[name].shape == y.shape and arrays[name].dtype.kind in "iufbU"
    }
    return Part(pixels, y, [f"row {i} of x{suffix}" for i in range(len(y))], columns)


def holds_fractions(x: NDArray[Any]) -> bool:
    """Whether `pixels_of` takes these numbers for shares of white, 0..1, rather than for 0..255."""
    return np.issubdtype(x.dtype, np.floating) and bool(x.max(initial=0) <= 1 and x.min(initial=0) >= 0)


def pixels_of(x: NDArray[Any], name: str, fractions: bool | None = None) -> NDArray[np.uint8]:
    """Images of common layouts and types as `(n, channels, height, width)` uint8.

    Layouts: `(n, h, w)`, `(n, h, w, 1 or 3)`, `(n, 1 or 3, h, w)`, the former where both would do. Types: uint8 as is,
    bool as 0 and 255, uint16 divided by 257, floats in 0..1 times 255, other numbers in 0..255 rounded.

    Args:
        x: the images.
        name: of `x` in messages.
        fractions: whether floats are of 0..1 or of 0..255, where that is known from other images like these; a single
            dark one would tell wrong. None: by `x` itself, see `holds_fractions`.

    Raises:
        LeveretDataError: names the array, and the row of a NaN or of a value out of range.
    """
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or 0 in x.shape[1:]:
        raise LeveretDataError(
            f"{name} must be images (n, height, width), (n, height, width, 1 or 3) or (n, 1 or 3, height, width), "
            f"got {x.shape}"
        )
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    if x.dtype == bool:
        return x.astype(np.uint8) * 255
    if x.dtype == np.uint16:
        return (x / 257).round().astype(np.uint8)
    if not (np.issubdtype(x.dtype, np.floating) or np.issubdtype(x.dtype, np.integer)):
        raise LeveretDataError(f"{name} must hold numbers, got {x.dtype}")
    finite = np.isfinite(x).all((1, 2, 3))
    if not finite.all():
        rows = np.flatnonzero(~finite)
        raise LeveretDataError(f"{name} holds NaN or infinity in {len(rows)} rows, the first is row {rows[0]}")
    fractions = np.issubdtype(x.dtype, np.floating) and (holds_fractions(x) if fractions is None else fractions)
    white = 1 if fractions else 255
    if x.min(initial=0) >= 0 and x.max(initial=0) <= white:
        return (x * 255 if fractions else x).round().astype(np.uint8)
    row = int(np.flatnonzero(((x < 0) | (x > white)).any((1, 2, 3)))[0])
    right = (
        "fractions in 0..1, as the other images are" if fractions else "whole numbers in 0..255 or fractions in 0..1"
    )
    raise LeveretDataError(f"{name} must be pixels: {right}; row {row} reaches from {x[row].min()} to {x[row].max()}")
