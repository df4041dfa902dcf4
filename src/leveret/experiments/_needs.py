"""What parts of experiments need that the package doesn't bring, and whether it is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

from leveret.experiments._datasets import CAMVID, FILES

__all__ = ["NEEDS", "missing", "needed"]

# key -> in words; datasets first, then the rest
NEEDS = {
    "mnist": "MNIST",
    "fashion": "Fashion-MNIST",
    "cifar": "CIFAR-10",
    "camvid": "CamVid",
    "sst2": "SST-2",
    "wnut": "WNUT-2017",
    "glove": "GloVe",
    "elpv": "elpv-dataset",
    "onnx": "leveret[onnx]",
    "checkout": "a checkout",
}
_ELSEWHERE = ("elpv", "onnx", "checkout")
_MODULES = {"elpv": ("elpv_dataset",), "onnx": ("onnx", "onnxscript", "onnxruntime")}


def needed(keys: Iterable[str]) -> str:
    """In words, each once: "MNIST, a checkout"."""
    wanted = set(keys)
    return ", ".join(words for key, words in NEEDS.items() if key in wanted)


def missing(keys: Sequence[str], data: Path | None) -> list[str]:
    """Those that aren't there; of datasets nothing is known without the folder `data`."""
    return [key for key in keys if (data is not None or key in _ELSEWHERE) and not _there(key, data)]


def _there(key: str, data: Path | None) -> bool:
    if key == "checkout":
        return Path("benchmarks/turns.py").is_file()
    if key == "elpv" and data is not None and (data / FILES["elpv"]).is_file():
        return True
    if key in _MODULES:
        return all(importlib.util.find_spec(name) is not None for name in _MODULES[key])
    files = CAMVID if key == "camvid" else (FILES[key],)
    return data is not None and all((data / file).is_file() for file in files)
