"""Labels of a memory map go to other processes as the file's name, not as what is in it."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["packed_labels", "unpacked_labels"]


def packed_labels(labels: NDArray[Any]) -> Any:
    """What to pickle in the array's place: of a contiguous memory map of a file where it stands, else the array."""
    if not isinstance(labels, np.memmap) or labels.filename is None or not labels.flags.c_contiguous:
        return labels
    if labels.mode == "c":  # its changes are in memory alone
        return np.array(labels)
    # a slice of a map has the offset of the whole: where it begins is known by its address
    base: Any = labels
    while isinstance(base, np.ndarray) and isinstance(base.base, np.ndarray):
        base = base.base
    mapped = np.frombuffer(labels._mmap, np.uint8)  # type: ignore[attr-defined]
    begins = labels.offset - labels.offset % mmap.ALLOCATIONGRANULARITY
    offset = begins + labels.ctypes.data - mapped.ctypes.data
    return {"filename": str(labels.filename), "dtype": labels.dtype, "shape": labels.shape, "offset": int(offset)}


def unpacked_labels(packed: Any) -> NDArray[Any]:
    """The array again."""
    return np.memmap(**packed, mode="r") if isinstance(packed, dict) else packed
