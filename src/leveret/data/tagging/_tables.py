"""Tables with a column of tokens and one of tags: parquet and jsonl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leveret.data._table import load_files
from leveret.data._types import Skipped
from leveret.data.tagging._raw import RawSentences, Tagged
from leveret.errors import LeveretDataError

__all__ = ["TAG_COLUMNS", "TOKEN_COLUMNS", "read_tagged_table", "tagged_columns"]

TOKEN_COLUMNS = ("tokens", "words", "sentence", "text")
TAG_COLUMNS = ("tags", "ner_tags", "ner", "labels", "tag")


def tagged_columns(
    names: list[str], text_column: str | None = None, label_column: str | None = None
) -> tuple[str, str] | None:
    """The columns of tokens and of tags by their names; None where there are none."""
    lower = {name.lower(): name for name in reversed(names)}
    found = []
    for given, usual in ((text_column, TOKEN_COLUMNS), (label_column, TAG_COLUMNS)):
        name = given if given is not None else next((lower[n] for n in usual if n in lower), None)
        if name is None or name not in names:
            return None
        found.append(name)
    return found[0], found[1]


def read_tagged_table(
    paths: list[Path], text_column: str | None, label_column: str | None, raw: RawSentences
) -> Tagged:
    """The sentences of some files.

    Raises:
        LeveretDataError: a file can't be read, lacks the columns, or they hold no lists.
    """
    table, where = load_files(paths)
    columns = tagged_columns(list(table.column_names), text_column, label_column)
    if columns is None:
        raise LeveretDataError(
            f"{where} must have a column of tokens ({', '.join(TOKEN_COLUMNS[:2])}) and one of tags "
            f"({', '.join(TAG_COLUMNS[:2])}); its columns are {', '.join(table.column_names)}. Name them with "
            "text_column= and label_column="
        )
    names = _names_of(table.features[columns[1]])
    if names and not raw.names:
        raw.names = names
    part = Tagged()
    for i, (tokens, tags) in enumerate(zip(table[columns[0]], table[columns[1]], strict=True)):
        row = f"row {i} of {where}"
        if tokens is not None and not tags and raw.unlabelled:
            if not isinstance(tokens, list):
                raise LeveretDataError(f"{row}: column {columns[0]!r} must hold a list, got {tokens!r:.80}")
            part.add(tokens, None, row)
            continue
        if tokens is None or tags is None:
            raw.skipped.append(Skipped(row, "no tokens" if tokens is None else "no tags"))
            continue
        for column, values in zip(columns, (tokens, tags), strict=True):
            if not isinstance(values, list):
                raise LeveretDataError(f"{row}: column {column!r} must hold a list, got {values!r:.80}")
        if len(tokens) != len(tags):
            raw.skipped.append(Skipped(row, f"{len(tokens)} tokens with {len(tags)} tags"))
            continue
        part.add(tokens, _as_names(tags, names, row), row)
    return part


def _names_of(feature: Any) -> tuple[str, ...]:
    """Of a column of numbered tags, the names that the data set gives to the numbers."""
    return tuple(getattr(getattr(feature, "feature", None), "names", None) or ())


def _as_names(tags: list[Any], names: tuple[str, ...], row: str) -> list[str]:
    if all(isinstance(tag, str) for tag in tags):
        return tags
    if not names:
        raise LeveretDataError(f"{row}: tags must be names such as B-person, got {tags[0]!r}")
    if any(not isinstance(tag, int) or not 0 <= tag < len(names) for tag in tags):
        raise LeveretDataError(f"{row}: tags must be numbers in 0..{len(names) - 1}, got {tags}")
    return [names[tag] for tag in tags]
