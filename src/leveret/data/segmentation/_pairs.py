"""Images beside their masks, as they stand in a source: two folders, or two columns of parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leveret._extras import needs
from leveret.data._folder import PART_NAMES
from leveret.data._pixels import cache_folder
from leveret.data._table import table_files
from leveret.data._types import Skipped
from leveret.data.images import EXTENSIONS
from leveret.errors import LeveretDataError

__all__ = ["Column", "Pairs", "RawPairs", "is_segmentation", "read_pair_folder", "read_pair_tables"]

_IMAGE_FOLDERS = ("images", "image", "img", "imgs")
_MASK_FOLDERS = ("masks", "mask", "labels", "annotations")
_IMAGE_COLUMNS = ("image", "img", "pixels")
_MASK_COLUMNS = ("mask", "masks", "segmentation", "annotation", "semantic_mask", "label", "labels")
_STEM_ENDINGS = ("_mask", "-mask", "_labels", "_label", "_gt", "_seg")


@dataclass
class Pairs:
    """Samples of one part.

    Attributes:
        images, masks: paths, or files' bytes; a `Column` reads them when they are asked for.
        where: names each in messages.
    """

    images: Sequence[Any]
    masks: Sequence[Any]
    where: Sequence[str]

    def __len__(self) -> int:
        return len(self.where)


@dataclass
class RawPairs:
    """A source as it was read: parts "all", or any of "train", "val", "test"; what was skipped; a mark of its state."""

    parts: dict[str, Pairs] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""


class Column(Sequence[Any]):
    """A column of a memory-mapped table: each value is read from disk when it is asked for.

    Args:
        table: a `datasets.Dataset`.
        name: of the column, whose values are bytes, paths, or a dict of these.
        folder: that paths are relative to.
    """

    def __init__(self, table: Any, name: str, folder: Path) -> None:
        self._table = table.select_columns([name])
        self._name = name
        self._folder = folder

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index: Any) -> Any:
        value = self._table[int(index)][self._name]
        if isinstance(value, dict):
            value = value["bytes"] if value.get("bytes") is not None else value.get("path")
        if value is None or value == "":
            return b""
        return value if isinstance(value, bytes) else self._folder / str(value)


def is_segmentation(source: str | Path, mask_column: str | None = None) -> bool:
    """Whether a source looks like images with masks: folders of both names, or parquet with a column called as a mask.

    Looks at names alone; a table with a `label` column is one of classes unless `mask_column` says otherwise.
    """
    path = Path(source)
    if path.is_dir() and _layout(path) is not None:
        return True
    files = [file for paths in table_files(path).values() for file in paths if file.suffix.lower() == ".parquet"]
    if not files:
        return False
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(files[0]).names
    except Exception:  # whoever loads it says what is wrong
        return False
    lower = [name.lower() for name in names]
    return mask_column in names or ("label" not in lower and any(name in lower for name in _MASK_COLUMNS[:5]))


def read_pair_folder(folder: Path) -> RawPairs:
    """Pairs of equal stems from `images/` and `masks/`, in `folder` or in its `train/`, `val/` and `test/`.

    A mask may be called as its image with _mask, _labels, _gt or _seg behind; folders may stand below, the same on both
    sides. An image without a mask, and a mask without an image, are skipped and counted.

    Raises:
        LeveretDataError: no such folders, or no pair in them.
    """
    layout = _layout(folder)
    if layout is None:
        raise LeveretDataError(
            f"{folder} has no images/ beside masks/, nor train/ with both; a mask is called as its image: "
            "images/a.jpg, masks/a.png"
        )
    raw = RawPairs()
    state = hashlib.sha256()
    for part, (images, masks) in layout.items():
        pairs = list(_paired(folder, images, masks, raw.skipped))
        raw.parts[part] = Pairs([i for i, _ in pairs], [m for _, m in pairs], [_short(i, folder) for i, _ in pairs])
        for path in (path for pair in pairs for path in pair):
            stat = path.stat()
            state.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
    if not any(len(part) for part in raw.parts.values()):
        first = f" ({raw.skipped[0].where}: {raw.skipped[0].reason})" if raw.skipped else ""
        raise LeveretDataError(f"{folder} holds no image with its mask{first}; a mask has the stem of its image")
    raw.fingerprint = state.hexdigest()
    return raw


def read_pair_tables(source: Path, image_column: str | None, mask_column: str | None) -> RawPairs:
    """Rows with an image and a mask each, from parquet files; they are mapped into memory, not read.

    Raises:
        LeveretDataError: no such files or columns, or damaged ones.
    """
    needs("reading tables", "datasets")
    import datasets

    datasets.disable_progress_bars()
    files = table_files(source)
    if not files:
        raise LeveretDataError(
            f"there is no {source}: images with masks are a folder with images/ and masks/, a parquet file, or the "
            "common beginning of …-train.parquet and …-test.parquet"
        )
    raw = RawPairs()
    state = hashlib.sha256()
    for part, paths in files.items():
        names = ", ".join(path.name for path in paths[:2]) + (", …" if len(paths) > 2 else "")
        if empty := [path for path in paths if path.stat().st_size == 0]:
            raise LeveretDataError(f"{empty[0]} is empty (0 bytes)")
        if any(path.suffix.lower() != ".parquet" for path in paths):
            raise LeveretDataError(f"{names}: masks are read from parquet files; give folders, or parquet")
        try:
            # kept as an Arrow file of which only what is asked for comes to memory
            table = datasets.load_dataset(
                "parquet",
                data_files=[str(path) for path in paths],
                split="train",
                cache_dir=str(cache_folder() / "tables"),
            )
        except Exception as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise LeveretDataError(f"{names} could not be read as parquet: {reason[:300]}") from error
        image = _column(image_column, _IMAGE_COLUMNS, table.column_names, "image", names)
        mask = _column(mask_column, _MASK_COLUMNS, table.column_names, "mask", names)
        for name in (image, mask):
            if isinstance(table.features[name], datasets.Image):
                table = table.cast_column(name, datasets.Image(decode=False))
        folder = paths[0].parent
        where = [f"row {i} of {names}" for i in range(len(table))]
        raw.parts[part] = Pairs(Column(table, image, folder), Column(table, mask, folder), where)
        for path in paths:
            stat = path.stat()
            state.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}|{image}|{mask}\n".encode())
    raw.fingerprint = state.hexdigest()
    return raw


def _layout(folder: Path) -> dict[str, tuple[Path, Path]] | None:
    """Where each part's images and masks are; None where they aren't."""
    if (both := _both(folder)) is not None:
        by_part = {PART_NAMES[child.name.lower()]: child.name for child in both[0].iterdir() if _is_part(child)}
        if "train" in by_part and all((both[1] / name).is_dir() for name in by_part.values()):
            return {part: (both[0] / name, both[1] / name) for part, name in sorted(by_part.items())}
        return {"all": both}
    parts = {}
    for child in sorted(folder.iterdir()):
        if _is_part(child) and (both := _both(child)) is not None:
            part = PART_NAMES[child.name.lower()]
            if part in parts:
                raise LeveretDataError(f"{folder} has two folders for the {part} part; keep one of them")
            parts[part] = both
    return parts if "train" in parts else None


def _both(folder: Path) -> tuple[Path, Path] | None:
    images = next((folder / name for name in _IMAGE_FOLDERS if (folder / name).is_dir()), None)
    masks = next((folder / name for name in _MASK_FOLDERS if (folder / name).is_dir()), None)
    return None if images is None or masks is None else (images, masks)


def _is_part(folder: Path) -> bool:
    return folder.is_dir() and folder.name.lower() in PART_NAMES


def _paired(root: Path, images: Path, masks: Path, skipped: list[Skipped]) -> Iterator[tuple[Path, Path]]:
    found = {folder: _by_stem(root, folder, skipped) for folder in (images, masks)}
    taken = set()
    for stem, image in found[images].items():
        ending = next((e for e in ("", *_STEM_ENDINGS) if stem + e in found[masks]), None)
        if ending is None:
            skipped.append(Skipped(_short(image, root), f"no mask {stem}.png in {_short(masks, root)}"))
            continue
        taken.add(stem + ending)
        yield image, found[masks][stem + ending]
    for stem in found[masks].keys() - taken:
        skipped.append(Skipped(_short(found[masks][stem], root), f"a mask without its image {stem}"))


def _by_stem(root: Path, folder: Path, skipped: list[Skipped]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        stem = str(inside.with_suffix(""))
        if path.suffix.lower() not in EXTENSIONS:
            skipped.append(Skipped(_short(path, root), "not an image by its name"))
        elif stem in found:
            skipped.append(Skipped(_short(path, root), f"the same stem as {found[stem].name}"))
        else:
            found[stem] = path
    return found


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def _column(given: str | None, usual: tuple[str, ...], names: list[str], what: str, where: str) -> str:
    lower = {name.lower(): name for name in reversed(names)}
    found = (
        given if given in names else None if given is not None else next((lower[n] for n in usual if n in lower), None)
    )
    if found is None:
        asked = f"column {given!r} for the {what}" if given is not None else f"{what} column ({', '.join(usual[:3])})"
        raise LeveretDataError(f"{where} has no {asked}; its columns are {', '.join(names)}")
    return found
