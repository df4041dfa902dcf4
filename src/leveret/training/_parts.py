"""The parts of a dataset by name."""

from __future__ import annotations

from typing import Any

from leveret.errors import LeveretUsageError

__all__ = ["part_of"]


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
