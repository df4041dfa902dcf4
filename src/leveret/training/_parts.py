"""The parts of a dataset by name."""

from __future__ import annotations

from typing import Any

from leveret.errors import LeveretUsageError

__all__ = ["has_masks", "has_tags", "part_of"]


def has_masks(split: Any) -> bool:
    """Whether a part holds images with masks (`fetch_pairs`), as a `SegmentationSplit` does, rather than labels."""
    return hasattr(split, "fetch_pairs")


def has_tags(split: Any) -> bool:
    """Whether a part holds sentences with a tag for each token (`fetch_tagged`), as a `TagSplit` does."""
    return hasattr(split, "fetch_tagged")


def part_of(data: Any, part: str) -> Any:
    """The split "train", "val" or "test".

    Raises:
        LeveretUsageError: no such part, or it is empty.
    """
    if part not in ("train", "val", "test"):
        raise LeveretUsageError(f"part must be 'train', 'val' or 'test', got {part!r}")
    split = getattr(data, part)
    if len(split) == 0:
        raise LeveretUsageError(f"the {part} part of {data.name} is empty")
    return split
