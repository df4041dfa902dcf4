"""Frequency sampling against PyTorch's WeightedRandomSampler: seconds an epoch, and memory beyond the labels.

    python benchmarks/sampler.py [--size 10000000] [--large 1000000000] [--draws 10000000] [--classes 10] [--repeats 3]

Labels are a long tail of 1:100, in a random order. Each figure is of a process of its own: the processor's seconds (one
thread) of making a sampler and of an epoch (median), and, in another run, memory: the peak of what is private to the
process (Linux's RssAnon) less what it was when the labels were there and all was imported; pages of a memory map's file
are not private. Indices are taken one by one, in lists of 256 as a DataLoader does it, and by whole batches
of 256: FrequencySampler's `chunks`, and slices of the tensor that WeightedRandomSampler draws. The large labels are a
uint8 memory map in a temporary folder, of which so many draws are made.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import Sampler, WeightedRandomSampler

from leveret.balance import FrequencySampler
from turns import options_of, write

BATCH = 256
RATIO = 100


def write_labels(path: Path, size: int, classes: int) -> None:
    """A file of uint8 labels, in a random order."""
    shares = RATIO ** (-np.arange(classes) / (classes - 1))
    # a label for each of 2¹⁶ random numbers: a thousand times finer than the rarest class
    table = np.repeat(
        np.arange(classes, dtype=np.uint8),
        np.diff(np.round(np.cumsum(shares / shares.sum()) * 65536), prepend=0).astype(int),
    )
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, size, 1 << 22):
            file.write(table[generator.integers(0, 65536, min(1 << 22, size - start), np.uint16)].tobytes())


class Private:
    """The process's private memory, watched for its peak from another thread."""

    def __init__(self) -> None:
        self.before = self.peak = self._now()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def megabytes(self) -> float:
        """Peak above what it was at first."""
        self._done.set()
        self._watcher.join()
        return (max(self.peak, self._now()) - self.before) / 1e6

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.peak = max(self.peak, self._now())

    @staticmethod
    def _now() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) << 10


def frequency(labels: np.ndarray, draws: int) -> Sampler[int]:
    return FrequencySampler(labels, num_samples=draws)


def weighted(labels: np.ndarray, draws: int) -> Sampler[int]:
    weights = 1 / np.bincount(labels)
    return WeightedRandomSampler(torch.from_numpy(weights[labels]), draws)  # type: ignore[arg-type]


def by_index(sampler: Sampler[int]) -> None:
    indices = iter(sampler)
    while [*itertools.islice(indices, BATCH)]:
        pass


def by_batch(sampler: Any) -> None:
    if isinstance(sampler, FrequencySampler):
        for _ in sampler.chunks(BATCH):
            pass
    else:
        drawn = torch.multinomial(sampler.weights, sampler.num_samples, sampler.replacement)
        for _ in drawn.split(BATCH):
            pass


MAKERS = {"frequency": frequency, "weighted": weighted}
WAYS: dict[str, Callable[[Any], None]] = {"index": by_index, "batch": by_batch}


def report(path: str, mapped: str, maker: str, way: str, draws: str, repeats: str, watched: str) -> None:
    """Print one sampler's figures as JSON, memory if it is watched, else seconds; runs in a process of its own."""
    torch.set_num_threads(1)
    labels: np.ndarray = np.memmap(path, np.uint8, "r")
    if mapped != "mapped":
        labels = np.array(labels)
    torch.multinomial(torch.ones(10, dtype=torch.double), 10, True)  # what first calls allocate is no sampler's
    by_index(FrequencySampler(np.arange(10)))
    memory = Private() if watched == "watched" else None
    start = time.process_time()
    sampler = MAKERS[maker](labels, int(draws))
    made = time.process_time() - start
    seconds = []
    for epoch in range(1 if memory else int(repeats)):
        if isinstance(sampler, FrequencySampler):
            sampler.set_epoch(epoch)
        start = time.process_time()
        WAYS[way](sampler)
        seconds.append(time.process_time() - start)
    print(json.dumps({"mb": memory.megabytes()} if memory else {"made": made, "epoch": statistics.median(seconds)}))


def in_own_process(*arguments: object) -> dict[str, float]:
    """Seconds and memory, of a process each."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import sampler; sampler.report(*sys.argv[2:])"
    found: dict[str, float] = {}
    for watched in ("timed", "watched"):
        command = [sys.executable, "-c", code, str(Path(__file__).parent), *map(str, arguments), watched]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(run.stdout)
    return found


def measure(
    size: int = 10_000_000, large: int = 1_000_000_000, draws: int = 10_000_000, classes: int = 10, repeats: int = 3
) -> dict[str, Any]:
    """All figures; some minutes of one core. `sampler_speedup` is that of an epoch index by index, the slower way.

    Args:
        size: labels, and draws of an epoch, that both samplers get.
        large: labels in a memory map, for FrequencySampler alone; 0 leaves it out.
        draws: of the large labels.
        classes: from 2 to 256.
        repeats: epochs.
    """
    result: dict[str, Any] = {"size": size, "large": large, "draws": draws, "classes": classes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels"
        write_labels(path, size, classes)
        for maker in MAKERS:
            result[maker] = {way: in_own_process(path, "array", maker, way, size, repeats) for way in WAYS}
        for way in WAYS:
            mine, theirs = result["frequency"][way], result["weighted"][way]
            result[f"speedup_by_{way}"] = theirs["epoch"] / mine["epoch"]
            result[f"memory_ratio_by_{way}"] = mine["mb"] / theirs["mb"]
        result["sampler_speedup"] = result["speedup_by_index"]
        result["sampler_memory_ratio"] = result["memory_ratio_by_index"]
        if large:
            write_labels(path, large, classes)
            result["billion"] = in_own_process(path, "mapped", "frequency", "batch", draws, 1)
            result["billion_mb"] = result["billion"]["mb"]
    return result


def main() -> None:
    options = options_of(__doc__, size=10_000_000, large=1_000_000_000, draws=10_000_000, classes=10, repeats=3)
    result = measure(options.size, options.large, options.draws, options.classes, options.repeats)
    table = Table(title=f"{result['classes']} classes, a long tail of 1:{RATIO}, one thread")
    for column in ("sampler", "labels", "draws", "by", "made, s", "epoch, s", "ns/draw", "MB"):
        table.add_column(column, justify="right", no_wrap=True)

    def row(name: str, labels: int, draws: int, way: str, found: dict[str, float]) -> None:
        each = 1e9 * found["epoch"] / draws
        figures = (f"{found['made']:.2f}", f"{found['epoch']:.2f}", f"{each:,.0f}", f"{found['mb']:,.1f}")
        table.add_row(name, f"{labels / 1e6:,g} M", f"{draws / 1e6:,g} M", way, *figures)

    for way in WAYS:
        for maker in MAKERS:
            row(maker, result["size"], result["size"], way, result[maker][way])
    if result["large"]:
        row("frequency", result["large"], result["draws"], "batch", result["billion"])
    console = Console()
    console.print(table)
    for way in WAYS:
        speedup, memory = result[f"speedup_by_{way}"], result[f"memory_ratio_by_{way}"]
        console.print(f"by {way}: {speedup:.1f} times as fast, in {100 * memory:.1f} % of the memory")
    write(result, options.json)


if __name__ == "__main__":
    main()
