"""Which sources hold sentences with tags."""

from __future__ import annotations

import json
from pathlib import Path

from leveret.data._table import table_files
from leveret.data.tagging._conll import looks_like_conll
from leveret.data.tagging._tables import TAG_COLUMNS, TOKEN_COLUMNS

__all__ = ["CONLL", "files_of", "is_tagging"]

CONLL = (".conll", ".conll2003", ".bio", ".bioes", ".iob", ".iob2", ".ner", ".txt", ".tsv")
TABLES = (".parquet", ".jsonl", ".json")


def files_of(source: Path) -> dict[str, list[Path]]:
    """Which files make which part, as `table_files` has it."""
    return table_files(source, (*CONLL, *TABLES))


def is_tagging(source: str | Path, text_column: str | None = None, label_column: str | None = None) -> bool:
    """Whether a source looks like sentences with a tag for each token.

    So do files whose lines end in tags, and tables with a column of lists of tokens and one of lists of tags, called as
    usual or as named.
    """
    if str(source).startswith("hf:"):
        return False
    path = Path(source)
    if path.is_dir() and not any(child.is_file() for child in path.iterdir()):
        return False
    found = [file for paths in files_of(path).values() for file in paths]
    if not found:
        return False
    first = found[0]
    if first.suffix.lower() in CONLL:
        return looks_like_conll(first)
    columns = _list_columns(first)
    tokens = [text_column] if text_column else [name for name in columns if name.lower() in TOKEN_COLUMNS]
    tags = [label_column] if label_column else [name for name in columns if name.lower() in TAG_COLUMNS]
    return any(name in columns for name in tokens) and any(name in columns for name in tags)


def _list_columns(path: Path) -> list[str]:
    """The columns that hold lists; none where the file can't be read, as whoever loads it says what is wrong."""
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet
            import pyarrow.types

            schema = pyarrow.parquet.read_schema(path)
            return [field.name for field in schema if pyarrow.types.is_list(field.type)]
        with path.open(encoding="utf-8") as file:
            row = json.loads(file.readline(1 << 22))
        return [name for name, value in row.items() if isinstance(value, list)]
    except Exception:
        return []
