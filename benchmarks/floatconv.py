"""Real 3x3 and 1x1 convolution against ONNX Runtime's and PyTorch's, in the same run.

    python benchmarks/floatconv.py [--threads 1] [--repeats 15] [--json PATH]

Shapes are ResNet-18's, batch of one; float in, float out. PyTorch is timed in both memory layouts and the faster one
counts. Every figure is the median of alternating runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bitconv import SHAPES, seconds
from peers import onnxruntime_conv
from rich.console import Console
from rich.table import Table

from leveret.runtime import kernels


def measure(side: int, channels: int, kernel: int, threads: int, repeats: int) -> dict[str, Any]:
    """Medians for one shape."""
    rng = np.random.default_rng(side)
    x = rng.normal(size=(1, side, side, channels)).astype(np.float32)
    weight = rng.normal(size=(channels, kernel, kernel, channels)).astype(np.float32)
    ours = kernels.Conv2d(weight, padding=kernel // 2)
    calls: dict[str, Callable[[], Any]] = {"leveret": lambda: ours(x, threads=threads)}
    other = onnxruntime_conv(x, weight, threads)
    if other is not None:
        calls["onnxruntime"] = other
        assert np.allclose(other(), ours(x), rtol=1e-3, atol=1e-3), "ONNX Runtime computes something else"
    image, filters = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(weight).permute(0, 3, 1, 2)
    for name, layout in (("torch_nchw", torch.contiguous_format), ("torch_nhwc", torch.channels_last)):
        a, w = image.contiguous(memory_format=layout), filters.contiguous(memory_format=layout)
        calls[name] = lambda a=a, w=w: torch.nn.functional.conv2d(a, w, padding=kernel // 2)
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for _ in range(repeats):
            for name, call in calls.items():
                times[name].append(seconds(call))
    median = {name: statistics.median(values) for name, values in times.items()}
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
    known = [shape["ratio_onnxruntime"] for shape in shapes if shape["ratio_onnxruntime"] is not None]
    return {
        "isa": kernels.isa(),
        "threads": threads,
        "shapes": shapes,
        "float_vs_ort": statistics.geometric_mean(known) if known else None,
        "float_vs_torch": statistics.geometric_mean(shape["ratio_torch"] for shape in shapes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
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
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
