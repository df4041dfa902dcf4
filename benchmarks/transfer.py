"""A transfer set of digits: how fast it is built, in how much memory, and how fast `leveret.fit` reads it again.

    python benchmarks/transfer.py [--views 1000000] [--images 100000] [--repeats 5] [--json PATH]

It is built in a process of its own, whose peak of memory includes PyTorch and all else that is loaded. `fit` then
trains the same net on the same views and logits, drawn at random from the whole set, in memory and from the set,
alternately; its figures are medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import Sampler

import leveret
from leveret.distill import TransferSet
from leveret.jobs._memory import peak_resident
from leveret.nets import Ensemble
from leveret.training import Augment
from training import Arrays
from turns import options_of, write

BATCH = 128


def small_net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return leveret.ConvNet(1, 10, depth=3, width=16, stages=2)


def teachers() -> nn.Module:
    """Two nets; untrained, which takes the same time."""
    return Ensemble([small_net(1), small_net(2)])


class Drawn(Sampler[int]):
    """The same views in each run, from all of the set."""

    def __init__(self, images: int, views: int) -> None:
        self.order = np.random.default_rng(0).integers(0, views, images)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Any:
        return iter(self.order)


# code for processes of their own: to have all loaded, and to build a set
_LOADED = "import sys; sys.path.insert(0, sys.argv[1]); import transfer; transfer.load()"
_BUILT = _LOADED + "; transfer.build(*sys.argv[2:])"


def load() -> Any:
    """The digits, with all that a build needs in memory."""
    teachers().eval()(torch.zeros(1024, 1, 8, 8))
    return leveret.load("digits")


def build(path: str, views: str, store: str) -> None:
    """Build the set and write the seconds that it took beside it."""
    data, nets = load(), teachers()
    start = time.perf_counter()
    TransferSet.build(data, nets, int(views), Augment(shift=1), path, store=store, batch_size=1024)
    Path(f"{path}.seconds").write_text(str(time.perf_counter() - start))


def built(path: Path, views: int, store: str) -> dict[str, float]:
    """Speed, peak of memory and size on disk."""
    here = str(Path(__file__).parent)
    before = peak_resident(_LOADED, here)
    peak = peak_resident(_BUILT, here, str(path), str(views), store)
    return {
        "views_per_second": views / float(Path(f"{path}.seconds").read_text()),
        "peak_mb": peak / 1e6,
        "loaded_mb": before / 1e6,
        "disk_mb": sum(file.stat().st_size for file in path.iterdir()) / 1e6,
    }


def time_fit(data: Any, objective: Any, images: int) -> float:
    net = small_net(0)
    start = time.perf_counter()
    sampler = Drawn(images, len(data.train))
    leveret.fit(net, data, objective=objective, epochs=1, batch_size=BATCH, sampler=sampler, progress=False)
    return images / (time.perf_counter() - start)


def run(views: int = 1_000_000, images: int = 100_000, repeats: int = 5) -> dict[str, Any]:
    """The builds' figures, and median images a second of `fit` on each of the three."""
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {"views": views, "threads": torch.get_num_threads()}
        stores = ("seeds", "pixels")
        for store in stores:
            result[store] = built(Path(folder) / store, views, store)
        digits = leveret.load("digits")
        sets = {store: TransferSet.open(Path(folder) / store, digits) for store in stores}
        everything = np.arange(views)
        pixels, logits = sets["pixels"].train.fetch(everything), sets["pixels"].logits.fetch(everything)
        none = Arrays(pixels[:0], everything[:0])
        in_memory = SimpleNamespace(
            train=Arrays(pixels, np.asarray(sets["pixels"].train.labels)), val=none, normalization=digits.normalization
        )
        standardize = (sets["pixels"].mean, sets["pixels"].std)
        runs = {
            "memory": (in_memory, leveret.Distillation(torch.from_numpy(logits), "logits", standardize=standardize)),
            **{
                name: (SimpleNamespace(train=one.train, val=none, normalization=one.normalization), one.objective())
                for name, one in sets.items()
            },
        }
        for data, objective in runs.values():  # first allocations and maps belong to none
            time_fit(data, objective, 20 * BATCH)
        speeds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(repeats):
            for name, (data, objective) in runs.items():
                speeds[name].append(time_fit(data, objective, images))
    result["fit"] = {name: statistics.median(values) for name, values in speeds.items()}
    for store in stores:
        result[store]["fit_vs_memory"] = result["fit"][store] / result["fit"]["memory"]
    return result


def main() -> None:
    options = options_of(__doc__, views=1_000_000, images=100_000, repeats=5)
    result = run(options.views, options.images, options.repeats)
    table = Table(title=f"{result['views']:,} views of digits, {result['threads']} threads")
    for column in ("store", "built, views/s", "peak MB", "of it loaded", "disk MB", "fit, images/s", "of in memory"):
        table.add_column(column, justify="right")
    table.add_row("(in memory)", "", "", "", "", f"{result['fit']['memory']:,.0f}", "")
    for store in ("seeds", "pixels"):
        found = result[store]
        figures = (found["views_per_second"], found["peak_mb"], found["loaded_mb"], found["disk_mb"])
        table.add_row(
            store,
            *(f"{figure:,.0f}" for figure in figures),
            f"{result['fit'][store]:,.0f}",
            f"{100 * found['fit_vs_memory']:.1f} %",
        )
    Console().print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
