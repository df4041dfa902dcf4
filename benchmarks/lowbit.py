"""Low-bit 3x3 convolutions, their input's quantising included, against PyTorch's float convolution in the same run.

    python benchmarks/lowbit.py [--threads 1] [--repeats 15] [--json PATH]

Shapes are ResNet-18's. Both sides start from float activations and end with float sums; PyTorch is timed in both memory
layouts and the faster one counts. Pruned weights are measured as 1x1 convolutions. Every figure is the median of
alternating runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from leveret.runtime import kernels
from turns import SHAPES, Call, geometric_mean, medians, options_of, torch_convolutions, write

# name: planes, encoding, levels of the image
PLANES = {
    "binary x 8 bit": (1, "signs", (0, 255)),
    "ternary x 3 bit": (2, "ternary", (0, 7)),
    "2 x 2 bit": (2, "twos_complement", (0, 3)),
    "3 x 3 bit": (3, "twos_complement", (0, 7)),
    "4 x 4 bit": (4, "twos_complement", (0, 15)),
}
KEPT = 0.1  # of the pruned weights
PRUNED = f"pruned 1x1, {KEPT:.0%} kept"


def contenders(x: np.ndarray, threads: int) -> dict[str, Call]:
    """Everything that is timed on images `(1, side, side, channels)`."""
    rng = np.random.default_rng(0)
    channels = x.shape[3]
    weight = rng.normal(size=(channels, 3, 3, channels)).astype(np.float32)
    small = weight[:, :1, :1].copy()
    calls: dict[str, Call] = {}
    for kernel, filters in (("3x3", weight), ("1x1", small)):
        calls |= {f"{name} {kernel}": call for name, call in torch_convolutions(x, filters).items()}

    def quantised(layer: Any, low: int, high: int) -> Call:
        step = 8 / (high - low)
        return lambda: layer(kernels.quantize(x, step, low, high, threads=threads), threads=threads)

    for name, (planes, encoding, levels) in PLANES.items():
        bits = kernels.pack_bits(rng.normal(size=(planes, *weight.shape)).astype(np.float32))
        layer = kernels.PlaneConv2d(bits, channels, levels, encoding, padding=1)
        calls[name] = quantised(layer, *levels)
    whole = rng.integers(-128, 128, weight.shape).astype(np.int8)
    calls["8 x 8 bit"] = quantised(kernels.Int8Conv2d(whole, padding=1), -128, 127)
    calls["quantizing"] = lambda: kernels.quantize(x, 8 / 255, 0, 255, threads=threads)
    kept = np.where(rng.random((channels, channels)) < KEPT, small[:, 0, 0], 0).astype(np.float32)
    sparse = kernels.SparseLinear(*kernels.sparse_rows(kept), channels)
    calls[PRUNED] = lambda: sparse(x, threads=threads)
    return calls


def measure(side: int, channels: int, threads: int, repeats: int) -> dict[str, Any]:
    """Medians for one shape, batch of one."""
    x = np.random.default_rng(side).normal(size=(1, side, side, channels)).astype(np.float32)
    calls = contenders(x, threads)
    median = medians(calls, repeats, 0.01)
    best = {kernel: min(median[f"torch_{layout} {kernel}"] for layout in ("nchw", "nhwc")) for kernel in ("3x3", "1x1")}
    places = side * side * channels * channels
    return {
        "shape": f"{side}x{side}x{channels}",
        "milliseconds": {name: 1e3 * value for name, value in median.items()},
        # multiplications that are done: of pruned weights those that are kept
        "gmacs": {
            name: places * (KEPT if name == PRUNED else 1 if "1x1" in name else 9) / value / 1e9
            for name, value in median.items()
        },
        "ratio": {
            name: best["1x1" if "1x1" in name else "3x3"] / value
            for name, value in median.items()
            if "torch" not in name and name != "quantizing"
        },
        "torch_gmacs": {kernel: places * (9 if kernel == "3x3" else 1) / best[kernel] / 1e9 for kernel in best},
    }


def run(threads: int = 1, repeats: int = 15) -> dict[str, Any]:
    """All shapes, and the geometric means of the ratios."""
    torch.set_num_threads(threads)
    shapes = [measure(side, channels, threads, repeats) for side, channels in SHAPES]
    return {
        "isa": kernels.isa(),
        "threads": threads,
        "torch": torch.__version__,
        "shapes": shapes,
        "times_torch": {name: geometric_mean(shape["ratio"][name] for shape in shapes) for name in shapes[0]["ratio"]},
    }


def main() -> None:
    options = options_of(__doc__, threads=1, repeats=15)
    result = run(options.threads, options.repeats)
    table = Table(title=f"GMAC/s (times PyTorch's float), {options.threads} thread(s), {result['isa']}")
    table.add_column("weights x activations")
    for shape in result["shapes"]:
        table.add_column(shape["shape"], justify="right")
    table.add_column("geometric mean", justify="right")
    for kernel in ("3x3", "1x1"):
        table.add_row(f"PyTorch float {kernel}", *(f"{s['torch_gmacs'][kernel]:.0f}" for s in result["shapes"]), "")
    table.add_section()
    for name, mean in result["times_torch"].items():
        figures = (f"{shape['gmacs'][name]:.0f} ({shape['ratio'][name]:.1f})" for shape in result["shapes"])
        table.add_row(name, *figures, f"{mean:.1f}")
    Console(width=120).print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
