"""`data`: a source, loaded and looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leveret.data import Data

__all__ = ["run"]


def run(
    source: str,
    *,
    task: str = "auto",
    sheet: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **options: Any,
) -> Data:
    """Load `source` and, if asked, write its contact sheet.

    Args:
        source: as for `leveret.load`, or of images with masks, as for `leveret.data.load_segmentation`.
        task: "classify", "text", "segment", "tag", or "auto": by what the source looks like.
        sheet: a PNG to write, with a row of training images per class; of masks, with overlays.
        progress: show a bar while decoding.
        options: passed on to the one that loads.

    Raises:
        LeveretDataError: the source is missing or can't be used.
        LeveretUsageError: an option out of range; a sheet of texts.
    """
    from leveret.data import load
    from leveret.data.segmentation import is_segmentation
    from leveret.data.tagging import is_tagging
    from leveret.jobs._data import load_masks, load_tags

    columns = options.get("text_column"), options.get("label_column")
    if task == "tag" or (task == "auto" and is_tagging(source, *columns)):
        data: Data = load_tags(source, seed=options.pop("seed", 0), options=options)
    elif task == "segment" or (task == "auto" and is_segmentation(source, options.get("mask_column"))):
        data = load_masks(source, seed=options.pop("seed", 0), progress=progress, options=options)
    else:
        data = load(source, progress=progress, **options)
    if sheet is not None:
        data.contact_sheet(Path(sheet))
    return data
