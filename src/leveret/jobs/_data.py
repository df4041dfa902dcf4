"""A job's data: loaded with what a job needs of it, and for a page that others may see."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leveret.errors import LeveretUsageError

__all__ = ["load_masks", "load_tags", "load_with_test", "public_data"]


def load_with_test(
    source: Any, *, seed: int, progress: bool, options: Mapping[str, Any], masks: bool = False, one_class: bool = False
) -> Any:
    """A source's data, or what was given as such; it has a test part.

    Args:
        source: as for `leveret.load`, or what it gave.
        seed: of the splits.
        progress: show a bar while decoding, on a terminal.
        options: passed on to `leveret.load`.
        masks: take images with masks for a folder of classes, as the user knows better.
        one_class: let it have a single class, and no test part, as data that is joined with other data may.

    Raises:
        LeveretUsageError: it has none; or it holds images with masks.
    """
    from leveret.data import Data, load
    from leveret.data.segmentation import is_segmentation

    data = source
    if getattr(source, "kind", "") == "segmentation" or (
        not masks and not isinstance(source, Data) and is_segmentation(source)
    ):
        raise LeveretUsageError(
            f"{getattr(source, 'source', source)} holds images with masks, and this job learns a class an image; "
            "for masks there are leveret fit and leveret shrink, with --task segment"
        )
    if getattr(source, "kind", "") == "tag":
        raise LeveretUsageError(
            f"{source.source} holds sentences with tags, and this job learns a class a sample; for tags there is "
            "leveret fit --task tag"
        )
    if not isinstance(source, Data):
        shown = progress and sys.stderr.isatty()
        data = load(str(source), seed=seed, progress=shown, one_class=one_class, **options)
    if len(data.test) == 0 and not one_class:
        raise LeveretUsageError(f"{data.source} has no test part to compare on; leave test_fraction above 0")
    return data


def load_masks(source: Any, *, seed: int, progress: bool, options: Mapping[str, Any]) -> Any:
    """Images with masks of a source, or what was given as such.

    Args:
        source, seed, progress: as above.
        options: passed on to `leveret.data.load_segmentation`; an `ignore_index` of "none" is None there.
    """
    from leveret.data import SegmentationData, load_segmentation

    if isinstance(source, SegmentationData):
        return source
    given = {key: value for key, value in options.items() if value is not None}
    if given.get("ignore_index") == "none":
        given["ignore_index"] = None
    return load_segmentation(str(source), seed=seed, progress=progress and sys.stderr.isatty(), **given)


def load_tags(source: Any, *, seed: int, options: Mapping[str, Any]) -> Any:
    """Sentences with tags of a source, or what was given as such.

    Args:
        source, seed: as above.
        options: passed on to `leveret.data.load_tagging`.
    """
    from leveret.data import TaggingData, load_tagging

    if isinstance(source, TaggingData):
        return source
    return load_tagging(str(source), seed=seed, **{k: v for k, v in options.items() if v is not None})


def public_data(data: Any) -> dict[str, Any]:
    """The data's summary for the page, with file names in place of the machine's paths."""
    found = data.as_dict()
    folder = str(Path(data.source).absolute()) + os.sep

    def short(text: str) -> str:
        for prefix in (folder, str(data.source).rstrip(os.sep) + os.sep):
            text = text.replace(prefix, "")
        return text.replace(folder.rstrip(os.sep), data.name).replace(str(data.source), data.name)

    found["source"] = data.name
    found["skipped"] = [{"where": short(s["where"]), "reason": short(s["reason"])} for s in found["skipped"]]
    for key in ("notes", "warnings"):
        found[key] = [short(text) for text in found[key]]
    return found
