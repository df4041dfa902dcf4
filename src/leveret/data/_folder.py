"""A folder of class folders with images or texts, or of train/val/test folders of class folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

from leveret.data._raw import Part, Raw
from leveret.data._types import Skipped
from leveret.data.images import EXTENSIONS
from leveret.errors import LeveretDataError

__all__ = ["PART_NAMES", "read_folder"]

_TEXTS = frozenset({".txt"})

PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def read_folder(folder: Path) -> Raw:
    """Find the images of a folder; a class is a folder's name, images may stand deeper inside it.

    Hidden files and folders are passed over. A file that isn't an image by its name is skipped and counted. Where there
    is no image but .txt files, each is a text.

    Raises:
        LeveretDataError: no class folder holds an image or a text.
    """
    children = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    if not children:
        loose = sum(1 for child in folder.iterdir() if child.suffix.lower() in EXTENSIONS)
        raise LeveretDataError(
            f"{folder} has no class folders"
            + (f", though {loose} images lie loose in it" if loose else "")
            + "; it should hold one folder per class, each with that class's images"
        )
    raw = Raw("text" if _holds_texts(folder) else "encoded", {})
    if all(child.name.lower() in PART_NAMES for child in children) and any(
        PART_NAMES[child.name.lower()] == "train" for child in children
    ):
        for child in children:
            classes = [c for c in sorted(child.iterdir()) if c.is_dir() and not c.name.startswith(".")]
            name = PART_NAMES[child.name.lower()]
            if name in raw.parts:
                raise LeveretDataError(f"{folder} has two folders for the {name} part; keep one of them")
            raw.parts[name] = _classes(folder, classes, raw)
    else:
        raw.parts["all"] = _classes(folder, children, raw)
    if not any(len(part) for part in raw.parts.values()):
        raise LeveretDataError(
            f"no image was found in the class folders of {folder} ({_few([c.name for c in children])}), nor a .txt file"
        )
    state = hashlib.sha256()
    for part in raw.parts.values():
        for path in part.items:
            stat = path.stat()
            state.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
    raw.fingerprint = state.hexdigest()
    if raw.kind == "text":
        for part in raw.parts.values():
            _read_texts(part, raw)
    return raw


def _classes(root: Path, folders: list[Path], raw: Raw) -> Part:
    paths: list[Path] = []
    labels: list[str] = []
    for folder in folders:
        found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path, folder)]
        wanted, what = (_TEXTS, "text") if raw.kind == "text" else (EXTENSIONS, "image")
        images = [path for path in found if path.suffix.lower() in wanted]
        raw.skipped += [
            Skipped(str(path.relative_to(root)), f"not {'an' if what == 'image' else 'a'} {what} by its name")
            for path in found
            if path.suffix.lower() not in wanted
        ]
        if not images:
            raw.warnings.append(f"class folder {folder.relative_to(root)} holds no {what} and is left out")
        paths += images
        labels += [folder.name] * len(images)
    return Part(paths, labels, [str(path.relative_to(root)) for path in paths])


def _holds_texts(root: Path) -> bool:
    """Whether there are .txt files, and no image."""
    kinds = {path.suffix.lower() for path in root.rglob("*.*") if not _hidden(path, root)}
    return bool(kinds & _TEXTS) and not kinds & EXTENSIONS


def _read_texts(part: Part, raw: Raw) -> None:
    """Texts in the place of their files; those that aren't UTF-8 are skipped."""
    texts, labels, where = [], [], []
    for path, label, name in zip(part.items, part.labels, part.where, strict=True):
        try:
            texts.append(path.read_text(encoding="utf-8-sig"))
        except (UnicodeDecodeError, OSError) as error:
            raw.skipped.append(Skipped(name, f"can't be read: {getattr(error, 'reason', None) or error}"))
            continue
        labels.append(label)
        where.append(name)
    part.items, part.labels, part.where = texts, labels, where


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
