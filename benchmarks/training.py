"""`leveret.fit` against a plain Lightning script: the same three-layer conv net, the same images, epochs and optimiser.

    python benchmarks/training.py [--repeats 5] [--json PATH]

The plain script is what a user would write first: a Dataset of single images, the default DataLoader, the default
memory layout. Both run alternately in this process; every figure is a median.
"""

from __future__ import annotations

import itertools
import logging
import statistics
import time
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, Dataset

import leveret
from leveret.data import Normalization
from turns import options_of, write

IMAGES, BATCH = 8192, 128


def three_layers() -> nn.Module:
    """Three convolutions of 32, 64 and 128 filters, a pool after each, a classifier."""
    torch.manual_seed(0)
    widths = (3, 32, 64, 128)
    blocks = [
        layer
        for a, b in itertools.pairwise(widths)
        for layer in (nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
    ]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(128 * 16, 10))


class Arrays:
    """Images in memory, as `leveret.load` would hold them."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.pixels, self.labels = pixels, labels

    def __len__(self) -> int:
        return len(self.labels)

    def fetch(self, indices: np.ndarray) -> np.ndarray:
        return self.pixels[indices]


class PlainDataset(Dataset):
    """One image after the other, normalised."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.pixels, self.labels = torch.from_numpy(pixels), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return (self.pixels[i].float() / 255 - 0.5) / 0.25, self.labels[i]


class PlainModule(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = three_layers()

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self.net(images), labels)

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def time_plain(pixels: np.ndarray, labels: np.ndarray) -> float:
    loader = DataLoader(PlainDataset(pixels, labels), batch_size=BATCH, shuffle=True)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    start = time.perf_counter()
    trainer.fit(PlainModule(), loader)
    return len(labels) / (time.perf_counter() - start)


def time_fit(pixels: np.ndarray, labels: np.ndarray) -> float:
    data = SimpleNamespace(
        train=Arrays(pixels, labels),
        val=Arrays(pixels[:0], labels[:0]),
        normalization=Normalization((0.5,) * 3, (0.25,) * 3),
    )
    net = three_layers()
    start = time.perf_counter()
    leveret.fit(net, data, epochs=1, batch_size=BATCH, progress=False)
    return len(labels) / (time.perf_counter() - start)


def run(repeats: int = 5, images: int = IMAGES) -> dict[str, Any]:
    """Median images a second of both, of so many a turn, and their ratio."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, images)
    speeds: dict[str, list[float]] = {"fit": [], "plain": []}
    time_fit(pixels[:512], labels[:512])  # imports and first allocations belong to neither
    time_plain(pixels[:512], labels[:512])
    for _ in range(repeats):
        speeds["fit"].append(time_fit(pixels, labels))
        speeds["plain"].append(time_plain(pixels, labels))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    return {**medians, "threads": torch.get_num_threads(), "fit_vs_plain": medians["fit"] / medians["plain"]}


def main() -> None:
    options = options_of(__doc__, repeats=5)
    result = run(options.repeats)
    table = Table(title=f"training, images a second, {result['threads']} threads")
    for column in ("leveret.fit", "plain Lightning", "times as fast"):
        table.add_column(column, justify="right")
    table.add_row(f"{result['fit']:,.0f}", f"{result['plain']:,.0f}", f"{result['fit_vs_plain']:.2f}")
    Console().print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
