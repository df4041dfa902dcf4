"""Real 3x3 and 1x1 convolution against ONNX Runtime's and PyTorch's, in the same run.

    python benchmarks/floatconv.py [--threads 1] [--repeats 15] [--json PATH]

Shapes are ResNet-18's, batch of one; float in, float out. PyTorch is timed in both memory layouts and the faster one
counts. Every figure is the median of alternating runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from leveret.runtime import kernels
from peers import onnxruntime_conv
from turns import SHAPES, Call, geometric_mean, medians, options_of, torch_convolutions, write


def measure(side: int, channels: int, kernel: int, threads: int, repeats: int) -> dict[str, Any]:
    """Medians for one shape."""
    rng = np.random.default_rng(side)
    x = rng.normal(size=(1, side, side, channels)).astype(np.float32)
    weight = rng.normal(size=(channels, kernel, kernel, channels)).astype(np.float32)
    ours = kernels.Conv2d(weight, padding=kernel // 2)
    calls: dict[str, Call] = {"leveret": lambda: ours(x, threads=threads), **torch_convolutions(x, weight)}
    other = onnxruntime_conv(x, weight, threads)
    if other is not None:
        calls["onnxruntime"] = other
        assert np.allclose(other(), ours(x), rtol=1e-3, atol=1e-3), "ONNX Runtime computes something else"
    median = medians(calls, repeats)
    macs = side * side * channels * channels * kernel * kernel
    torch_best = min(median["torch_nchw"], median["torch_nhwc"])
    return {
        "shape": f"{kernel}x{kernel}, {side}x{side}x{channels}",
        "gmacs": {name: macs / value / 1e9 for name, value in median.items()},
        "ratio_onnxruntime": median["onnxruntime"] / median["leveret"] if other is not None else None,
        "ratio_torch": torch_best / median["leveret"],
    }


def run(threads: int = 1, repeats: int = 15) -> dict[str, Any]:
    """All shapes, and the geometric means of the ratios."""
    torch.set_num_threads(threads)
    shapes = [measure(side, channels, k, threads, repeats) for k in (3, 1) for side, channels in SHAPES]
    return {
        "isa": kernels.isa(),
        "threads": threads,
        "shapes": shapes,
        "float_vs_ort": geometric_mean(shape["ratio_onnxruntime"] for shape in shapes),
        "float_vs_torch": geometric_mean(shape["ratio_torch"] for shape in shapes),
    }


def main() -> None:
    options = options_of(__doc__, threads=1, repeats=15)
    result = run(options.threads, options.repeats)
    table = Table(title=f"real convolution, GMAC/s, {options.threads} thread(s), {result['isa']}")
    for column in ("shape", "leveret", "onnxruntime", "torch nchw", "torch nhwc", "times onnxruntime"):
        table.add_column(column, justify="right")
    for shape in result["shapes"]:
        gmacs = [shape["gmacs"].get(n, float("nan")) for n in ("leveret", "onnxruntime", "torch_nchw", "torch_nhwc")]
        ratio = shape["ratio_onnxruntime"] or float("nan")
        table.add_row(shape["shape"], *(f"{value:.1f}" for value in gmacs), f"{ratio:.2f}")
    table.add_section()
    table.add_row("geometric mean", "", "", "", "", f"{result['float_vs_ort'] or float('nan'):.2f}")
    Console(width=120).print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
