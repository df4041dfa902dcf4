"""Train a model of the zoo, measure it as it is packed, and write it with its card."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from leveret import runtime
from leveret._files import replacing, write_json, write_text
from leveret.errors import LeveretUsageError
from leveret.experiments._results import machine
from leveret.experiments.zoo._card import card
from leveret.experiments.zoo._recipes import RECIPES, Recipe
from leveret.metrics import wilson_interval

__all__ = ["train"]

_SAMPLES = 40
_SECONDS = 5.0  # for timing: what else runs on the machine shows less in the fastest of many turns


def train(name: str, out: str | Path, *, data: str | Path | None = None, seed: int | None = None) -> Path:
    """Train one of `RECIPES` and write its four files into `out`; gives the path of the `.lvr` file.

    Args:
        name: of the model.
        out: a folder; made where there is none.
        data: folder of the datasets, where the recipe needs one.
        seed: of splits, weights and order; default: the recipe's own, whose model is in the zoo.

    Raises:
        LeveretUsageError: no such model, or the data that it needs isn't there.
    """
    if name not in RECIPES:
        raise LeveretUsageError(f"the model must be one of {', '.join(RECIPES)}, got {name!r}")
    recipe, folder = RECIPES[name], Path(out)
    seed = recipe.seed if seed is None else seed
    loaded = recipe.load(None if data is None else Path(data), seed)
    start = time.process_time()
    net = recipe.net(loaded, seed)
    seconds = time.process_time() - start
    model = folder / f"{name}.lvr"
    _pack(net, loaded, model, name, seed)
    figures = _figures(recipe, model, loaded, seconds, seed)
    _write_sample(loaded, folder / f"{name}.npz")
    write_json(folder / f"{name}.json", figures)
    write_text(folder / f"{name}.md", card(recipe, figures))
    return model


def _pack(net: Any, data: Any, path: Path, name: str, seed: int) -> None:
    from leveret import __version__
    from leveret.jobs._packed_models import pack_net

    pack_net(net, data, path, {"zoo": name, "seed": seed, "leveret": __version__})


def _figures(recipe: Recipe, model: Path, data: Any, seconds: float, seed: int) -> dict[str, Any]:
    from leveret.jobs import bench
    from leveret.training import evaluate

    packed = runtime.load(model)
    measured = evaluate(packed, data)
    timed = bench.run(model, threads=1, seconds=_SECONDS)
    layers = packed.layers()
    return {
        "name": recipe.name,
        "seed": seed,
        "command": command(recipe),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "training_seconds": round(seconds, 1),
        "test_images": len(measured.labels),
        "correct": measured.correct,
        "accuracy": measured.accuracy,
        "interval": list(wilson_interval(measured.correct, len(measured.labels))),
        "bytes": model.stat().st_size,
        "parameters": sum(layer.parameters for layer in layers),
        "macs": sum(layer.macs for layer in layers),
        "binary_macs": sum(layer.binary_macs for layer in layers),
        "ms_per_image": timed.models[0].ms_per_image,
        "kernels": timed.environment["kernels"],
    }


def command(recipe: Recipe) -> str:
    """That makes the model again."""
    return f"leveret zoo {recipe.name} --train -o FOLDER" + (" --data DATASETS" if recipe.file else "")


def _write_sample(data: Any, path: Path) -> None:
    """The first test images with their labels, so that a device has something to try the model on."""
    indices = np.arange(min(_SAMPLES, len(data.test)))
    arrays = {"x_test": data.test.fetch(indices), "y_test": np.asarray(data.test.labels[indices], np.uint8)}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        np.savez_compressed(made, **arrays)
        with replacing(path) as temporary:
            temporary.write_bytes(made.read_bytes())
