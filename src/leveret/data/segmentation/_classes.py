"""What the values of masks mean: classes with names and colours, from a list or a small file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret.data.segmentation._palette import Color
from leveret.errors import LeveretDataError

__all__ = ["Entry", "classes_file", "read_classes"]

_FILES = ("classes.txt", "classes.json")
_HEX = re.compile(r"#([0-9a-fA-F]{6})")


@dataclass(frozen=True)
class Entry:
    """What one value of a mask means.

    Attributes:
        name: of the class.
        color: of the class in masks of colours, and where masks are shown; None where nothing says it.
        ignored: no class: such pixels have no label.
    """

    name: str
    color: Color | None = None
    ignored: bool = False


def classes_file(folder: Path) -> Path | None:
    """The `classes.txt` or `classes.json` of a folder."""
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def read_classes(source: Any) -> tuple[Entry, ...]:
    """Entries in the order of the masks' values, from a sequence of names, or from a file.

    A text file has a line a value: the name, then where wanted three numbers or #rrggbb for its colour, then where
    wanted the word `ignore`; lines that begin with # are passed over. A JSON file is a list of names, or of objects
    with `name`, and where wanted `color` (three numbers or "#rrggbb") and `ignore` (true).

    Raises:
        LeveretDataError: no such file, or a line that can't be read; a name or a colour that two have; no class at all.
    """
    if isinstance(source, str | Path):
        entries, where = _of_file(Path(source)), str(source)
    elif isinstance(source, Sequence):
        entries = [
            item if isinstance(item, Entry) else _of_value(item, f"classes[{i}]") for i, item in enumerate(source)
        ]
        where = "classes"
    else:
        raise LeveretDataError(f"classes must be names or a file with them, got {type(source).__name__}")
    if not any(not entry.ignored for entry in entries):
        raise LeveretDataError(f"{where} names no class")
    for what, values in (
        ("name", [entry.name for entry in entries]),
        ("colour", [entry.color for entry in entries if entry.color is not None]),
    ):
        twice = [value for i, value in enumerate(values) if value in values[:i]]
        if twice:
            raise LeveretDataError(f"{where} gives the {what} {twice[0]!r} twice; each value needs one of its own")
    return tuple(entries)


def _of_file(path: Path) -> list[Entry]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise LeveretDataError(f"{path} could not be read: {reason}") from error
    if path.suffix.lower() != ".json":
        lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
        return [_of_line(line, f"{path}, line {number}") for number, line in lines if line and not line.startswith("#")]
    try:
        values = json.loads(text)
    except ValueError as error:
        raise LeveretDataError(f"{path} is no JSON: {error}") from error
    if not isinstance(values, list):
        raise LeveretDataError(f"{path} must hold a list of classes, in the order of the masks' values")
    return [_of_value(value, f"{path}, class {i}") for i, value in enumerate(values)]


def _of_line(line: str, where: str) -> Entry:
    words = line.replace("\t", " ").replace(",", " ").split()
    ignored = len(words) > 1 and words[-1].lower() == "ignore"
    if ignored:
        words = words[:-1]
    color: Color | None = None
    if len(words) > 1 and _HEX.fullmatch(words[-1]):
        color = _color(words.pop(), where)
    elif len(words) > 3 and all(word.isdecimal() for word in words[-3:]):
        color = _color([int(word) for word in words[-3:]], where)
        words = words[:-3]
    return Entry(" ".join(words), color, ignored)


def _of_value(value: Any, where: str) -> Entry:
    if isinstance(value, str) and value.strip():
        return Entry(value.strip())
    if isinstance(value, dict) and isinstance(value.get("name"), str) and value["name"].strip():
        given = value.get("color", value.get("colour"))
        return Entry(value["name"].strip(), None if given is None else _color(given, where), bool(value.get("ignore")))
    raise LeveretDataError(f"{where} must be a name, or an object with a name; got {value!r}")


def _color(value: Any, where: str) -> Color:
    if isinstance(value, str) and (found := _HEX.fullmatch(value)):
        number = int(found.group(1), 16)
        return number >> 16, number >> 8 & 255, number & 255
    if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(n, int) and 0 <= n <= 255 for n in value):
        return int(value[0]), int(value[1]), int(value[2])
    raise LeveretDataError(f"{where}: a colour is three numbers from 0 to 255, or #rrggbb; got {value!r}")
