"""Samples without labels: all that a source holds, for those who ask what it is like and not what it is of."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leveret.data._load import read_source
from leveret.data._npz import pixels_of
from leveret.data._table import Columns, table_files
from leveret.data._types import Skipped
from leveret.data.images import EXTENSIONS
from leveret.errors import LeveretDataError

__all__ = ["Unlabelled", "read_unlabelled"]


@dataclass
class Unlabelled:
    """A source as it was read.

    Attributes:
        kind: what `items` are.
        items: pixels `(n, channels, height, width)` uint8; a table's rows `(n, features)`; encoded images, as paths or
            bytes; or texts.
        where: names each item.
        features: names of a table's columns, where there are any.
        skipped, notes: of the reading.
    """

    kind: Literal["pixels", "encoded", "table", "text"]
    items: Any
    where: list[str]
    features: tuple[str, ...] = ()
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.where)

    def chosen(self, places: NDArray[np.int64]) -> Unlabelled:
        """Only the items at `places`."""
        items = self.items[places] if isinstance(self.items, np.ndarray) else [self.items[i] for i in places]
        return Unlabelled(self.kind, items, [self.where[i] for i in places], self.features, self.skipped, self.notes)


def read_unlabelled(source: str, *, image_column: str | None = None, text_column: str | None = None) -> Unlabelled:
    """Read all samples of a source, whatever parts and classes they stand in.

    Args:
        source: a folder with images at any depth, or with `.txt` files, a text each; a `.txt` file with a text a line;
            `.npy`, or `.npz` with arrays that are called x…, or a single one; or what `load` takes: tables need no
            column of labels here, and one that is called like that is left out.
        image_column, text_column: names in a table. Default: the usual ones.

    Raises:
        LeveretDataError: the source is missing, holds nothing of these kinds, or is damaged.
    """
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix in (".txt", ".npy", ".npz") and not path.is_file():
        raise LeveretDataError(f"there is no file {path}")
    if suffix == ".txt":
        return _lines(path)
    if suffix in (".npy", ".npz"):
        return _arrays(path)
    if path.is_dir():
        if (found := _files(path)) is not None:
            return found
        if not table_files(path):
            raise LeveretDataError(
                f"{path} holds {_what(path)}: a folder must hold images, .txt files, a text each, or a table"
            )
    elif source != "digits" and not source.startswith("hf:") and not table_files(path):
        wrong = f"{path} is a file of another kind" if path.exists() else f"there is no {path}"
        raise LeveretDataError(
            f"{wrong}: a source is a folder of images or of .txt files, a .txt file with a text a line, a "
            ".npy, .npz, .parquet, .csv or .jsonl file, 'digits' or hf:NAME"
        )
    raw, _ = read_source(source, Columns(image_column, None, text_column, ignore_labels=True))
    parts = [part for part in raw.parts.values() if len(part)]
    if not parts:
        raise LeveretDataError(f"{source} holds no samples")
    if isinstance(parts[0].items, np.ndarray):
        items: Any = np.concatenate([part.items for part in parts])
    else:
        items = [item for part in parts for item in part.items]
    where = [name for part in parts for name in part.where]
    return Unlabelled(raw.kind, items, where, raw.features, raw.skipped, raw.notes)


def _lines(path: Path) -> Unlabelled:
    found = Unlabelled("text", [], [])
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            found.items.append(line.strip())
            found.where.append(f"{path.name}:{number}")
    if not found.items:
        raise LeveretDataError(f"{path} holds no line of text")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LeveretDataError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise LeveretDataError(f"{path} can't be read: {error.strerror or error}") from error


def _what(folder: Path) -> str:
    """The names of some files, for who wonders."""
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    if not names:
        return "no file"
    more = f" and {len(names) - 3} more files" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _files(folder: Path) -> Unlabelled | None:
    """Images at any depth, else texts; None where there is neither."""
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    images = [path for path in paths if path.suffix.lower() in EXTENSIONS]
    if images:
        return Unlabelled("encoded", images, [str(path.relative_to(folder)) for path in images])
    found = Unlabelled("text", [], [])
    for path in (path for path in paths if path.suffix.lower() == ".txt"):
        name = str(path.relative_to(folder))
        if text := _text(path).strip():
            found.items.append(text)
            found.where.append(name)
        else:
            found.skipped.append(Skipped(name, "empty"))
    return found if len(found) else None


def _arrays(path: Path) -> Unlabelled:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            arrays = {path.stem: found}
        else:
            with found:
                arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise LeveretDataError(f"{path} is not a whole {path.suffix} file of plain arrays: {error}") from error
    except Exception as error:  # zlib and struct raise their own on damaged content
        raise LeveretDataError(f"{path} is damaged: {error}") from error
    wanted = [name for name in arrays if name == "x" or name.startswith("x_")] or (
        list(arrays) if len(arrays) == 1 else []
    )
    if not wanted:
        raise LeveretDataError(
            f"{path} must hold x, x_train, …, or one array; it holds {', '.join(arrays) or 'nothing'}"
        )
    shapes = {arrays[name].shape[1:] for name in wanted}
    if len(shapes) > 1:
        raise LeveretDataError(f"{path}: {', '.join(wanted)} differ in shape: {', '.join(map(str, sorted(shapes)))}")
    values = np.concatenate([arrays[name] for name in wanted]) if arrays[wanted[0]].ndim else arrays[wanted[0]]
    where = [
        f"{path.name}:{name}[{i}]" for name in wanted for i in range(len(arrays[name]) if arrays[name].ndim else 0)
    ]
    if values.ndim == 1 and values.dtype.kind == "U":
        return Unlabelled("text", [str(text) for text in values], where)
    if values.ndim == 2:
        return Unlabelled("table", values, where)
    return Unlabelled("pixels", pixels_of(values, f"{path}: {wanted[0]}"), where)
