"""CoNLL files: a token a line, its tag in the last column, an empty line behind each sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leveret.data._types import Skipped
from leveret.data.tagging._raw import RawSentences, Tagged
from leveret.errors import LeveretDataError
from leveret.text import scheme_of

__all__ = ["looks_like_conll", "read_conll", "sentences_of"]

_DOCUMENT = "-DOCSTART-"
_LOOKED_AT = 200


def read_conll(path: Path, raw: RawSentences) -> Tagged:
    """The sentences of a file.

    Columns are parted by tabs where there are any, else by white space; those between the first and the last are passed
    over, as are lines of -DOCSTART- and comments ("# …" before a sentence).

    Raises:
        LeveretDataError: a line without a tag, of another number of columns, or that isn't UTF-8; says which.
    """
    part = Tagged()
    tokens: list[str] = []
    tags: list[str] = []
    first = columns = 0
    for number, line in _lines(path):
        fields = _fields(line)
        if not fields or fields[0] == _DOCUMENT:
            if tokens:
                part.add(tokens, tags, f"{path.name}, line {first}")
                tokens, tags = [], []
            elif fields == [_DOCUMENT]:
                raw.skipped.append(Skipped(f"{path.name}, line {number}", "a document's mark without columns"))
            continue
        if not tokens and line.startswith("# ") and not _is_tag(fields[-1]):
            continue
        columns = columns or len(fields)
        if len(fields) < 2:
            raise LeveretDataError(f"{path}, line {number}: {fields[0]!r} has no tag: it must stand behind the token")
        if len(fields) != columns:
            raise LeveretDataError(f"{path}, line {number}: {len(fields)} columns, where those before have {columns}")
        if not tokens:
            first = number
        tokens.append(fields[0])
        tags.append(fields[-1])
        if not _is_tag(fields[-1]):
            raise LeveretDataError(
                f"{path}, line {number}: {fields[-1]!r} is no tag: it must be O, or B-, I-, E- or S- with a type behind"
            )
    if tokens:
        part.add(tokens, tags, f"{path.name}, line {first}")
    return part


def sentences_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Where each sentence of a file begins, and its tokens, whether or not tags stand behind them.

    Raises:
        LeveretDataError: a line that isn't UTF-8.
    """
    tokens: list[str] = []
    first = 0
    for number, line in _lines(path):
        fields = _fields(line)
        if fields and fields[0] != _DOCUMENT:
            first = first if tokens else number
            tokens.append(fields[0])
        elif tokens:
            yield f"{path}:{first}", tokens
            tokens = []
    if tokens:
        yield f"{path}:{first}", tokens


def looks_like_conll(path: Path) -> bool:
    """Whether the first lines have at least two columns, of which the last is a tag, and not all O."""
    try:
        with path.open(encoding="utf-8") as file:
            rows = [_fields(line) for _, line in zip(range(_LOOKED_AT), file, strict=False)]
    except (OSError, ValueError):
        return False
    rows = [row for row in rows if row and row[0] not in (_DOCUMENT, "#")]
    return bool(rows) and all(len(row) > 1 and _is_tag(row[-1]) for row in rows)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise LeveretDataError(f"{path} isn't UTF-8, behind line {number}: {error.reason}") from error
    except OSError as error:
        raise LeveretDataError(f"{path} could not be read: {error.strerror or error}") from error


def _fields(line: str) -> list[str]:
    if "\t" in line:
        return [field.strip() for field in line.split("\t")] if line.strip() else []
    return line.split()


def _is_tag(text: str) -> bool:
    try:
        scheme_of([text])
    except LeveretDataError:
        return False
    return True
