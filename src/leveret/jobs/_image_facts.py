"""What a table says of images that are to be predicted, so that the rules of a packed model can be asked.

Python's own `csv` alone: prediction loads neither torch nor `datasets`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leveret.errors import LeveretDataError
from leveret.runtime.rules import Facts

__all__ = ["ImageFacts"]

_PATHS = ("path", "image", "img", "file", "filename", "file_name", "image_path")


class ImageFacts:
    """A csv or tsv file with a row an image: its path, as it is given or from the table's folder, and columns.

    Raises:
        LeveretDataError: the file can't be read, has no column of paths, or a row that is no row.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        file = Path(path)
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.DictReader(stream, delimiter="\t" if file.suffix.lower() == ".tsv" else ",", strict=True)
                rows = list(reader)
                names = list(reader.fieldnames or ())
        except OSError as error:
            raise LeveretDataError(f"{file} could not be read: {error.strerror or error}") from error
        except (csv.Error, UnicodeDecodeError) as error:
            raise LeveretDataError(f"{file} is no csv file: {error}") from error
        key = next((name for name in names if name.lower() in _PATHS), None)
        if key is None:
            raise LeveretDataError(
                f"{file} has no column of paths, {', '.join(_PATHS[:-1])} or {_PATHS[-1]}; its columns are "
                f"{', '.join(names) or 'none'}"
            )
        self.columns = tuple(name for name in names if name != key)
        self._rows: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise LeveretDataError(f"{file}, line {number}: as many values are needed as there are columns")
            for place in {row[key], str(file.parent / row[key])}:
                self._rows[os.path.normpath(place)] = row

    def of(self, sources: Sequence[str]) -> Facts:
        """What is known of these images; nothing of one that the table doesn't have."""
        found = [self._rows.get(os.path.normpath(source), {}) for source in sources]
        return Facts(len(found), columns={name: [row.get(name) for row in found] for name in self.columns})
