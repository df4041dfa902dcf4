"""The `.lvr` file: a safetensors file whose metadata hold the graph, the input contract, and a SHA-256 over it all.

A file is not trusted: everything is checked before a kernel runs, and every failure is a `LeveretFormatError` that says
what and where. See docs/lvr-format.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from leveret._files import replacing
from leveret.errors import LeveretFormatError
from leveret.runtime._graph import loads

__all__ = ["FORMAT_VERSION", "Content", "read", "write"]

FORMAT_VERSION = "1.4"
_MARK = "leveret"
_LARGEST_HEADER = 64 << 20
_DTYPES = ("float32", "uint64", "uint32", "uint8", "int8")


@dataclass(frozen=True)
class Content:
    """What a file holds: texts (metadata) and tensors."""

    metadata: dict[str, str]
    tensors: dict[str, NDArray[Any]]


def write(path: str | os.PathLike[str], metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write the file whole or not at all."""
    texts = {"format": _MARK, "version": FORMAT_VERSION, **metadata}
    texts["sha256"] = _digest(texts, tensors)
    with replacing(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, temporary, texts)


def read(path: str | os.PathLike[str]) -> Content:
    """Read and verify a file.

    Raises:
        LeveretFormatError: missing, damaged, another kind of file, or of a newer major version.
    """
    _check_header(Path(path))
    try:
        with safe_open(path, framework="numpy") as file:
            texts = dict(file.metadata() or {})
            _check_version(path, texts)
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except LeveretFormatError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise LeveretFormatError(f"{path} is damaged or not a .lvr file: {error}") from error
    for name, array in tensors.items():
        if array.dtype.name not in _DTYPES:
            raise LeveretFormatError(f"{path}: tensor {name!r} is {array.dtype}; known are {', '.join(_DTYPES)}")
    if texts.get("sha256") != _digest(texts, tensors):
        raise LeveretFormatError(f"{path} is damaged: its content doesn't match its SHA-256; copy or pack it again")
    return Content(texts, tensors)


def _check_header(path: Path) -> None:
    """The first bytes give the header's length: refuse before anything is allocated for it."""
    if path.is_dir():
        packed = path / "model.lvr"
        raise LeveretFormatError(
            f"{path} is a folder: its packed model is {packed}"
            if packed.is_file()
            else f"{path} is a folder without a model.lvr: name a .lvr file, or pack the folder's net by leveret.pack"
        )
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            first = file.read(8)
    except OSError as error:
        raise LeveretFormatError(f"{path} could not be read: {error.strerror or error}") from error
    if len(first) < 8:
        raise LeveretFormatError(f"{path} is not a .lvr file: it has only {size} bytes")
    length = int.from_bytes(first, "little")
    if length > _LARGEST_HEADER:
        raise LeveretFormatError(f"{path} is not a .lvr file: its header would be {length} bytes long")
    if length + 8 > size:
        raise LeveretFormatError(f"{path} is cut off: its header says {length} bytes, the file has {size}")


def _check_version(path: str | os.PathLike[str], texts: Mapping[str, str]) -> None:
    if texts.get("format") != _MARK:
        raise LeveretFormatError(f"{path} is a safetensors file, but not a .lvr one: pack a net with leveret.pack")
    version = texts.get("version", "")
    major, _, minor = version.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        raise LeveretFormatError(f"{path} has no valid format version: {version!r}")
    if int(major) != int(FORMAT_VERSION.split(".")[0]):
        raise LeveretFormatError(
            f"{path} is of format {version}; this Leveret reads {FORMAT_VERSION.split('.')[0]}.x: install a newer one"
        )


def _digest(texts: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over all texts but itself, and every tensor's name, type, shape and bytes, in the order of names."""
    state = hashlib.sha256()
    state.update(json.dumps({k: v for k, v in texts.items() if k != "sha256"}, sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        state.update(f"\n{name}|{array.dtype.str}|{array.shape}|".encode())
        state.update(array.data if array.size else b"")
    return state.hexdigest()


def metadata_value(texts: Mapping[str, str], key: str) -> Any:
    """A text of the metadata, as JSON.

    Raises:
        LeveretFormatError: missing or not JSON.
    """
    if key not in texts:
        raise LeveretFormatError(f"the metadata lack {key!r}")
    return loads(texts[key], key)
