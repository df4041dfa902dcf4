"""`data`: a source, loaded and looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leveret.data import Data

__all__ = ["run"]


def run(source: str, *, sheet: str | os.PathLike[str] | None = None, progress: bool = True, **options: Any) -> Data:
    """Load `source` and, if asked, write its contact sheet.

    Args:
        source: as for `leveret.load`.
        sheet: a PNG to write, with a row of training images per class.
        progress: show a bar while decoding.
        options: passed on to `leveret.load`.

    Raises:
        LeveretDataError: the source is missing or can't be used.
        LeveretUsageError: an option out of range; a sheet of texts.
    """
    from leveret.data import load

    data = load(source, progress=progress, **options)
    if sheet is not None:
        data.contact_sheet(Path(sheet))
    return data
