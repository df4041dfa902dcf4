"""What `predict` is pointed at, as single texts: lines of files, rows of tables, sentences of CoNLL files."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret.errors import LeveretDataError

__all__ = ["TextItem", "text_inputs"]

_COLUMNS = ("text", "sentence", "content", "review", "tokens", "words")
_CONLL = (".conll", ".conll2003", ".bio", ".bioes", ".iob", ".iob2", ".ner")
_ROWS = 1024


@dataclass(frozen=True)
class TextItem:
    """One text, or why there is none.

    Attributes:
        source: `file:line`, or `file[row]`.
        text: a text, or a list of tokens; None where there is an error.
        error: why there is no text, or None.
    """

    source: str
    text: str | list[str] | None = None
    error: str | None = None


def text_inputs(paths: Iterable[str | os.PathLike[str]], stdin: Iterable[str] = ()) -> Iterator[TextItem]:
    """The texts that `paths` name, in order; each is read as it is asked for.

    Each line of a file is a text, empty ones too; of .csv, .tsv, .jsonl and .parquet each row's text column, or its
    tokens; of .conll and the like each sentence; of a folder each .txt file as a whole. "-" stands for `stdin`.
    """
    for path in paths:
        name = os.fspath(path)
        if name == "-":
            for i, line in enumerate(stdin, 1):
                yield TextItem(f"stdin:{i}", line.rstrip("\r\n"))
            continue
        try:
            yield from _folder(Path(name)) if os.path.isdir(name) else _file(Path(name))
        except LeveretDataError as error:
            yield TextItem(name, error=" ".join(str(error).split()))
        except UnicodeDecodeError as error:
            yield TextItem(name, error=f"not UTF-8: {error.reason}")
        except OSError as error:
            yield TextItem(name, error=(error.strerror or str(error)).lower())


def _folder(folder: Path) -> Iterator[TextItem]:
    found = False
    for path in sorted(folder.rglob("*.txt")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            found = True
            try:
                yield TextItem(str(path), path.read_text(encoding="utf-8-sig"))
            except UnicodeDecodeError as error:
                yield TextItem(str(path), error=f"not UTF-8: {error.reason}")
    if not found:
        yield TextItem(str(folder), error="a folder without texts (.txt)")


def _file(path: Path) -> Iterator[TextItem]:
    kind = path.suffix.lower()
    if kind in _CONLL:
        from leveret.data.tagging._conll import sentences_of

        for where, tokens in sentences_of(path):
            yield TextItem(where, tokens)
    elif kind == ".parquet":
        yield from _parquet(path)
    elif kind in (".jsonl", ".json"):
        yield from _jsonl(path)
    elif kind in (".csv", ".tsv"):
        yield from _csv(path, "\t" if kind == ".tsv" else ",")
    else:
        with path.open(encoding="utf-8-sig") as file:
            for i, line in enumerate(file, 1):
                yield TextItem(f"{path}:{i}", line.rstrip("\r\n"))


def _csv(path: Path, delimiter: str) -> Iterator[TextItem]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        column = _column(list(rows.fieldnames or ()), path)
        try:
            for i, row in enumerate(rows):
                yield _item(f"{path}[{i}]", row[column])
        except csv.Error as error:
            raise LeveretDataError(f"line {rows.line_num}: {error}") from error


def _jsonl(path: Path) -> Iterator[TextItem]:
    column = None
    with path.open(encoding="utf-8-sig") as file:
        for i, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                yield TextItem(f"{path}:{i}", error=f"no JSON: {error}")
                continue
            if not isinstance(row, dict):
                yield TextItem(f"{path}:{i}", error="no JSON object")
                continue
            column = column or _column(list(row), path)
            yield _item(f"{path}:{i}", row.get(column))


def _parquet(path: Path) -> Iterator[TextItem]:
    import pyarrow.lib
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        column = _column(file.schema_arrow.names, path)
        i = 0
        for batch in file.iter_batches(_ROWS, columns=[column]):
            for value in batch.column(0).to_pylist():
                yield _item(f"{path}[{i}]", value)
                i += 1
    except pyarrow.lib.ArrowException as error:
        raise LeveretDataError(f"not a whole parquet file: {error}") from error


def _column(names: list[str], path: Path) -> str:
    lower = {name.lower(): name for name in reversed(names)}
    found = next((lower[name] for name in _COLUMNS if name in lower), None)
    if found is None and len(names) == 1:
        found = names[0]
    if found is None:
        raise LeveretDataError(
            f"no column of texts: none is called {', '.join(_COLUMNS)}; its columns are {', '.join(names) or 'missing'}"
        )
    return found


def _item(source: str, value: Any) -> TextItem:
    if isinstance(value, str):
        return TextItem(source, value)
    if isinstance(value, list) and all(isinstance(token, str) for token in value):
        return TextItem(source, value)
    return TextItem(source, error="no text" if value is None else f"no text, but {type(value).__name__}")
