"""The datasets that experiments take from the folder which the command names."""

from __future__ import annotations

from pathlib import Path

from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["CAMVID", "FILES", "source_of"]

CAMVID = tuple(f"camvid-{part}.parquet" for part in ("train", "val", "test"))
FILES = {
    "mnist": "mnist.npz",
    "fashion": "fashion_mnist.npz",
    "cifar": "cifar10-train.parquet",
    "sst2": "sst2-train.parquet",
    "wnut": "wnut17-train.parquet",
    "glove": "glove100_subset.npz",
    "elpv": "elpv.npz",
    "camvid": CAMVID[0],
}


def source_of(name: str, data: Path | None) -> Path:
    """What `leveret.load` takes for "mnist", "fashion", "cifar", "sst2" or "wnut"; of "camvid", `load_segmentation`; of
    "glove", `read_vectors`.

    Raises:
        LeveretUsageError: no folder was given.
        LeveretDataError: it doesn't hold the file.
    """
    file = FILES[name]
    if data is None:
        raise LeveretUsageError(f"this part needs {file}: give its folder with --data or LEVERET_SHARED_DATA")
    if not (data / file).is_file():
        raise LeveretDataError(f"there is no {data / file}")
    return data / file.removesuffix("-train.parquet")
