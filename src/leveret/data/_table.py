"""Tables: parquet in the Hugging Face image layout, csv and jsonl with a path or text column, and hub names.

Where there is neither an image nor a text, all columns but the label are features, if they hold numbers.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leveret._extras import needs
from leveret.data._features import as_float32, unusable_rows
from leveret.data._raw import Part, Raw
from leveret.data._types import Skipped
from leveret.errors import LeveretDataError

__all__ = ["Columns", "load_files", "read_hub", "read_table", "table_files"]

_IMAGE_NAMES = ("image", "img", "path", "file", "filename", "file_name", "image_path")
_TEXT_NAMES = ("text", "sentence", "content", "review")
_LABEL_NAMES = ("label", "labels", "class", "target", "y", "fine_label", "category")
_PART_SUFFIXES = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
_FORMATS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".json": "json"}

# what pandas calls an index that it writes to parquet, and one without a name that it reads from csv
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0")


@dataclass(frozen=True)
class Columns:
    """The columns that the user named; None: found by their usual names."""

    image: str | None = None
    label: str | None = None
    text: str | None = None
    unlabelled: bool = False  # keep rows without a label
    ignore_labels: bool = False  # nothing needs a label, and a column that is called like one is no feature, either


def table_files(source: Path, suffixes: Collection[str] = tuple(_FORMATS)) -> dict[str, list[Path]]:
    """Which files make which part: a file alone is "all"; a folder's, or a common prefix's, are told by their names.

    `data/cifar10` finds `data/cifar10-train.parquet` and `data/cifar10-test.parquet`; a folder is searched for tables
    whose names end in train, val, valid, validation, dev or test (`train-00000-of-00002.parquet` too). Files with other
    suffixes are passed over.
    """
    if source.is_file():
        return {"all": [source]} if source.suffix.lower() in suffixes else {}
    if source.is_dir():
        candidates = [path for path in sorted(source.iterdir()) if path.suffix.lower() in suffixes]
        candidates += sorted(source.glob("data/*.parquet"))
        prefix = ""
    else:
        candidates = (
            [path for path in sorted(source.parent.glob(f"{source.name}*")) if path.suffix.lower() in suffixes]
            if source.parent.is_dir()
            else []
        )
        prefix = source.name
    parts: dict[str, list[Path]] = {}
    for path in candidates:
        words = path.stem.removeprefix(prefix).lower().replace("_", "-").replace(".", "-").split("-")
        for word in words:
            if word in _PART_SUFFIXES:
                parts.setdefault(_PART_SUFFIXES[word], []).append(path)
                break
    if not parts and len(candidates) == 1:
        parts = {"all": candidates}
    return parts


def read_table(files: dict[str, list[Path]], columns: Columns) -> Raw:
    """Read parts from parquet, csv or jsonl files.

    Raises:
        LeveretDataError: a file can't be read, or has no column that could be the label, or none that could be the
            image or the text and not numbers alone.
    """
    raw = Raw("encoded", {})
    state = hashlib.sha256()
    for name, paths in files.items():
        table, where = load_files(paths)
        raw.parts[name] = _part(table, where, paths[0].parent, columns, raw)
        for path in paths:
            stat = path.stat()
            state.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}|{columns}\n".encode())
    raw.fingerprint = state.hexdigest()
    return raw


def load_files(paths: list[Path]) -> tuple[Any, str]:
    """Files of one kind as a `datasets.Dataset` in memory, and a name for them in messages.

    Raises:
        LeveretDataError: one is empty, or they can't be read.
    """
    for path in paths:
        if path.stat().st_size == 0:
            raise LeveretDataError(f"{path} is empty (0 bytes)")
    kind = _FORMATS[paths[0].suffix.lower()]
    options = {"sep": "\t"} if paths[0].suffix.lower() == ".tsv" else {}
    with _private_cache() as cache:
        try:
            table = _library().load_dataset(
                kind,
                data_files=[str(path) for path in paths],
                split="train",
                cache_dir=cache,
                keep_in_memory=True,
                **options,
            )
        except Exception as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise LeveretDataError(f"{_names(paths)} could not be read as {kind}: {reason[:300]}") from error
    return table, _names(paths)


def read_hub(name: str, columns: Columns) -> Raw:
    """Read a dataset of the Hugging Face hub, `owner/name` or `owner/name:config`.

    Raises:
        LeveretDataError: no such dataset, no network, or no usable columns.
    """
    datasets = _library()
    dataset, _, config = name.partition(":")
    try:
        parts = datasets.load_dataset(dataset, config or None)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LeveretDataError(
            f"hf:{name} could not be loaded from the hub: {reason[:300]}. Check its name and your connection; "
            "a dataset that was downloaded before also loads offline"
        ) from error
    raw = Raw("encoded", {})
    state = hashlib.sha256()
    for part_name, table in parts.items():
        base = part_name.split(".")[0].lower()
        if base not in _PART_SUFFIXES:
            raw.notes.append(f"part {part_name!r} of the hub dataset was left out")
            continue
        raw.parts[_PART_SUFFIXES[base]] = _part(table, f"hf:{name} {part_name}", Path("."), columns, raw)
        state.update(f"{name}|{part_name}|{getattr(table, '_fingerprint', len(table))}".encode())
    if not raw.parts:
        raise LeveretDataError(f"hf:{name} has no train, validation or test part; it has {', '.join(parts)}")
    if len(raw.parts) == 1:
        raw.parts = {"all": next(iter(raw.parts.values()))}
    raw.fingerprint = state.hexdigest()
    return raw


def _part(table: Any, where: str, folder: Path, columns: Columns, raw: Raw) -> Part:
    datasets = _library()
    names = list(table.column_names)
    label = _find(columns.label, _LABEL_NAMES, names, "label", where)
    if label is None and not columns.ignore_labels:
        raise LeveretDataError(
            f"{where} has no label column: none is called {', '.join(_LABEL_NAMES)}; its columns are "
            f"{', '.join(names)}. Name it with label_column="
        )
    image = None if columns.text else _find(columns.image, _IMAGE_NAMES, names, "image", where)
    text = _find(columns.text, _TEXT_NAMES, names, "text", where)
    labels = [0] * len(table)
    if not columns.ignore_labels:
        feature = table.features[label]
        if raw.classes is None and isinstance(feature, datasets.ClassLabel):
            raw.classes = tuple(feature.names)
        labels = table[label][:]
    rows = [f"row {i} of {where}" for i in range(len(labels))]
    if image is not None:
        if isinstance(table.features[image], datasets.Image):
            table = table.cast_column(image, datasets.Image(decode=False))
        items = [_encoded(value, folder) for value in table[image][:]]
    elif text is not None:
        raw.kind = "text"
        items = table[text][:]
    else:
        return _rows(table, label, labels, rows, where, raw, columns)
    beside = _beside(table, {label, image, text})
    missing = [
        i
        for i, (item, value) in enumerate(zip(items, labels, strict=True))
        if item is None or (value is None and not columns.unlabelled)
    ]
    for i in missing:
        raw.skipped.append(Skipped(rows[i], "empty" if items[i] is None else "no label"))
    if missing:
        gone = set(missing)
        keep = [i for i in range(len(labels)) if i not in gone]
        items, labels, rows = [items[i] for i in keep], [labels[i] for i in keep], [rows[i] for i in keep]
        beside = {name: [values[i] for i in keep] for name, values in beside.items()}
    return Part(items, labels, rows, beside)


def _rows(
    table: Any, label: str | None, labels: list[Any], rows: list[str], where: str, raw: Raw, columns: Columns
) -> Part:
    """Every other column as a feature, where all hold numbers; rows with a value that is missing are skipped."""
    names = [name for name in table.column_names if name != label]
    if label is not None and columns.ignore_labels:
        raw.notes.append(f"left out as a label: {label!r}")
    if frames := [name for name in names if _INDEX.fullmatch(name)]:
        # row numbers would be learned as if they were measured
        raw.notes.append(f"left out as a data frame's index: {', '.join(map(repr, frames))}")
        names = [name for name in names if name not in frames]
    words = [name for name in names if not _is_number(table.features[name])]
    if words or not names:
        raise LeveretDataError(
            f"{where} has neither an image nor a text column that is called as usual; its columns are "
            f"{', '.join(table.column_names)}. Name one with image_column= or text_column="
            + (f"; or make all columns numbers, which {', '.join(map(repr, words[:3]))} aren't" if words else "")
        )
    if raw.features and raw.features != tuple(names):
        raise LeveretDataError(f"{where} has the columns {', '.join(names)}, another part {', '.join(raw.features)}")
    if not raw.features:
        raw.notes.append(f"rows of {len(names)} features: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}")
    raw.kind, raw.features = "table", tuple(names)
    # a missing number is None there, which becomes NaN
    values = np.stack([np.array(table[name][:], np.float64) for name in names], 1)
    reasons = {i: "no label" for i, value in enumerate(labels) if value is None and not columns.unlabelled}
    reasons = unusable_rows(values, raw.features) | reasons
    raw.skipped += [Skipped(rows[i], reasons[i]) for i in sorted(reasons)]
    keep = [i for i in range(len(labels)) if i not in reasons]
    return Part(as_float32(values[keep], raw.features), [labels[i] for i in keep], [rows[i] for i in keep])


def _beside(table: Any, used: set[str | None]) -> dict[str, list[Any]]:
    """The columns that hold something plain beside image, text and label."""
    names = [name for name in table.column_names if name not in used and _is_plain(table.features[name])]
    return {name: table[name][:] for name in names}


def _is_plain(feature: Any) -> bool:
    return _is_number(feature) or getattr(feature, "dtype", "") in ("string", "large_string")


def _is_number(feature: Any) -> bool:
    kind = getattr(feature, "dtype", "")
    return isinstance(kind, str) and kind.startswith(("int", "uint", "float", "bool"))


def _encoded(value: Any, folder: Path) -> bytes | Path | None:
    if isinstance(value, dict):
        if value.get("bytes") is not None:
            return bytes(value["bytes"])
        value = value.get("path")
    if value is None or value == "":
        return None
    return value if isinstance(value, bytes) else folder / str(value)


def _find(given: str | None, usual: tuple[str, ...], names: list[str], what: str, where: str) -> str | None:
    if given is not None:
        if given not in names:
            raise LeveretDataError(
                f"{where} has no column {given!r} for the {what}; its columns are {', '.join(names)}"
            )
        return given
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name] for name in usual if name in lower), None)


def _names(paths: list[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"


def _library() -> Any:
    needs("reading tables", "datasets")
    import datasets

    datasets.disable_progress_bars()
    return datasets


@contextmanager
def _private_cache() -> Iterator[str]:
    """`datasets` copies what it reads into a cache; the copy is in memory by the end, so the files needn't stay."""
    with tempfile.TemporaryDirectory(prefix="leveret-", ignore_cleanup_errors=True) as folder:
        yield folder
