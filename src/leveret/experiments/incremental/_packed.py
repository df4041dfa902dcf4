"""A grown tree, packed, against the single net that grew flat: milliseconds an image, and accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import leveret
from leveret.data import of_classes
from leveret.errors import LeveretUsageError
from leveret.experiments.incremental._settings import SETTINGS, Setting, data_of
from leveret.grow import ClassTree
from leveret.jobs._packed_models import pack_net
from leveret.jobs._speed import measure

__all__ = ["packed"]

_SECONDS = 2.0
_BATCH = 64


def packed(
    data: Path | None, runs: Path, seconds: float = _SECONDS, settings: Mapping[str, Setting] = SETTINGS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and details.

    Raises:
        LeveretUsageError: neither fashion nor cifar was run.
    """
    for part, setting in settings.items():
        folder, last = runs / part / "seed-0", len(setting.steps) - 1
        if (folder / f"{last}-flat" / "row.json").exists():
            break
    else:
        raise LeveretUsageError("run the part fashion or cifar first: this one times their nets")
    source = data_of(setting, data, 0)
    trees = {
        method: ClassTree.load(folder / f"{last}-{method}" / "tree.safetensors", setting.make_net(2))
        for method in ("tree", "flat")
    }
    source = of_classes(source, trees["tree"].classes)
    nets: dict[str, Any] = {"tree": trees["tree"], "single": trees["flat"].root.net}
    models: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for key, net in nets.items():
        pack_net(net, source, runs / "packed" / f"{key}.lvr", {"role": key})
        models[key] = leveret.runtime.load(runs / "packed" / f"{key}.lvr")
    pixels = source.test.fetch(np.arange(_BATCH))

    def on(model: Any) -> Any:
        return lambda images: model(images, threads=1)

    speeds = measure({key: on(m) for key, m in models.items()}, pixels, threads=1, batch=_BATCH, seconds=seconds)
    for key, model in models.items():
        rows.append(
            {
                "net": key,
                "accuracy": leveret.evaluate(model, source).accuracy,
                "bytes": (runs / "packed" / f"{key}.lvr").stat().st_size,
                "macs": sum(int(layer.macs) for layer in model.layers()),
                "ms_1": speeds[key].ms_per_image,
                "ms_64": 1000 / speeds[key].images_per_second,
            }
        )
    tree, single = rows
    figures = {"packed_tree_ms": tree["ms_1"], "packed_single_ms": single["ms_1"]}
    figures["packed_tree_slowdown"] = tree["ms_1"] / single["ms_1"]
    return figures, {"rows": rows, "dataset": part, "outline": trees["tree"].outline(), "batch": _BATCH}
