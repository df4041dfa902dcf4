"""The datasets that experiments take from the folder which the command names."""

from __future__ import annotations

from pathlib import Path

from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["source_of"]

_FILES = {"mnist": "mnist.npz", "fashion": "fashion_mnist.npz", "cifar": "cifar10-train.parquet"}


def source_of(name: str, data: Path | None) -> Path:
    """What `leveret.load` takes for "mnist", "fashion" or "cifar".

    Raises:
        LeveretUsageError: no folder was given.
        LeveretDataError: it doesn't hold the file.
    """
    file = _FILES[name]
    if data is None:
        raise LeveretUsageError(f"this part needs {file}: give its folder with --data or LEVERET_SHARED_DATA")
    if not (data / file).is_file():
        raise LeveretDataError(f"there is no {data / file}")
    return data / "cifar10" if name == "cifar" else data / file
