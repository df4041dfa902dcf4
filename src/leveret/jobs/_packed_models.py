"""Several nets packed, each in a file of its own, and held against each other on the same test images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leveret import packing, runtime
from leveret._threads import default_threads, limited_threads
from leveret.jobs._speed import measure
from leveret.metrics import Evaluation
from leveret.report.contender import Contender
from leveret.training import evaluate

__all__ = ["PackedModels", "compare_packed", "pack_net"]

_BATCH = 64


@dataclass(frozen=True)
class PackedModels:
    """Who did how.

    Attributes:
        contenders: in the order in which they were given.
        evaluations: on the test part, by key.
        threads: that all used, the number that suited the first best.
        noise: the median turn over the fastest, while they were timed.
    """

    contenders: tuple[Contender, ...]
    evaluations: Mapping[str, Evaluation]
    threads: int
    noise: float


def pack_net(net: Any, data: Any, path: Path, provenance: Mapping[str, Any], rules: Any = None) -> None:
    """Pack a net for the data's images, texts or sentences, with rules where there are some, and write the file."""
    example = data.train.fetch(np.arange(min(4, len(data.train))))
    normalization = None
    if data.kind == "image":
        normalization, example = data.normalization, torch.from_numpy(data.normalization.apply(example))
    given: dict[str, Any] = {"normalization": normalization, "classes": data.classes, "rules": rules}
    packing.pack(net.eval(), example, provenance=dict(provenance), **given).save(path)


def compare_packed(
    data: Any, files: Mapping[str, Path], titles: Mapping[str, tuple[str, str]], *, seconds: float
) -> PackedModels:
    """Evaluate and time packed models, from their files.

    Args:
        data: its test part is used.
        files: by key, in the order in which they are to be shown.
        titles: a name and a few words on each, by key.
        seconds: to spend on timing, per batch size.
    """
    packed = {key: runtime.load(path) for key, path in files.items()}
    pixels = data.test.fetch(np.arange(min(_BATCH, len(data.test))))
    first = next(iter(packed.values()))
    most = default_threads()
    threads = 1 if most == 1 else _suited(first, pixels, most)
    with limited_threads(threads):
        evaluations = {key: evaluate(_on(model, threads), data) for key, model in packed.items()}
    models = {key: _on(model, threads) for key, model in packed.items()}
    speeds = measure(models, pixels, threads=threads, batch=_BATCH, seconds=seconds)
    contenders = []
    for key, model in packed.items():
        layers = model.layers()
        title, what = titles[key]
        contenders.append(
            Contender(
                key=key,
                title=title,
                what=what,
                accuracy=evaluations[key].accuracy,
                interval=evaluations[key].interval,
                samples=len(evaluations[key].labels),
                loss=evaluations[key].loss,
                bytes=files[key].stat().st_size,
                ms_per_image=speeds[key].ms_per_image,
                images_per_second=speeds[key].images_per_second,
                batch=speeds[key].batch,
                macs=sum(int(layer.macs) for layer in layers),
                binary_macs=sum(int(layer.binary_macs) for layer in layers),
            )
        )
    return PackedModels(tuple(contenders), evaluations, threads, max(speed.noise for speed in speeds.values()))


def _on(model: Any, threads: int) -> Any:
    return lambda images: model(images, threads=threads)


def _suited(model: Any, pixels: Any, most: int) -> int:
    """1 or `most`: the number of threads with which a model is faster."""
    one, many = (
        measure({"": _on(model, threads)}, pixels, threads=threads, batch=_BATCH, seconds=0.2)[""]
        for threads in (1, most)
    )
    gained = (one.ms_per_image / many.ms_per_image) * (many.images_per_second / one.images_per_second)
    return most if gained > 1 else 1
