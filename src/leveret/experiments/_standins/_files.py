"""How the sets are written: arrays as .npz, pictures as columns of a parquet file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret._files import replacing

__all__ = ["pictures", "write_npz", "write_parquet"]


def write_npz(path: Path, **arrays: Any) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def write_parquet(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    with replacing(path) as temporary:
        parquet.write_table(pyarrow.table({name: list(values) for name, values in columns.items()}), temporary)


def pictures(arrays: NDArray[np.uint8], name: str) -> list[dict[str, Any]]:
    """A column of PNG images, of `(n, height, width)` or `(n, height, width, 3)`."""
    from PIL import Image

    made = []
    for i, array in enumerate(arrays):
        file = io.BytesIO()
        Image.fromarray(array).save(file, format="png")
        made.append({"bytes": file.getvalue(), "path": f"{name}-{i:04}.png"})
    return made
