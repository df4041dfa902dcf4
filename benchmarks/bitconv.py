"""XNOR 3x3 convolution, its input's packing included, against others' convolutions in the same run.

    python benchmarks/bitconv.py [--threads 1] [--repeats 15] [--json PATH]

Shapes are ResNet-18's. All start from float activations and end with floats; ours also scales and shifts them, as a
BatchNorm would. PyTorch's float convolution is timed in both memory layouts and the faster one counts. OpenVINO's is binary
too; the plain loop is scalar C, compiled with -O2. Every figure is the median of alternating runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from peers import openvino_binary_conv, plain_loop

from leveret.runtime import kernels

SHAPES = ((56, 64), (28, 128), (14, 256), (7, 512))


def seconds(call: Callable[[], Any], least: float = 0.03) -> float:
    """Time of one call, from as many as take `least` seconds."""
    count, spent = 0, 0.0
    start = time.perf_counter()
    while spent < least:
        call()
        count += 1
        spent = time.perf_counter() - start
    return spent / count


def measure(side: int, channels: int, threads: int, repeats: int) -> dict[str, Any]:
    """Medians for one shape, batch of one."""
    rng = np.random.default_rng(side)
    x = rng.normal(size=(1, side, side, channels)).astype(np.float32)
    weight = rng.normal(size=(channels, 3, 3, channels)).astype(np.float32)
    ours = kernels.BitConv2d(kernels.pack_bits(weight), channels, padding=1)
    image = torch.from_numpy(x).permute(0, 3, 1, 2)
    filters = torch.from_numpy(weight).permute(0, 3, 1, 2)
    scale, shift = (rng.normal(size=channels).astype(np.float32) for _ in range(2))
    calls: dict[str, Callable[[], Any]] = {
        "leveret": lambda: ours.real(kernels.pack_bits(x, threads=threads), scale, shift, threads=threads),
        "leveret_packing": lambda: kernels.pack_bits(x, threads=threads),
    }
    for name, layout in (("torch_nchw", torch.contiguous_format), ("torch_nhwc", torch.channels_last)):
        a, w = image.contiguous(memory_format=layout), filters.contiguous(memory_format=layout)
        calls[name] = lambda a=a, w=w: torch.nn.functional.conv2d(a, w, padding=1)
    openvino = openvino_binary_conv(x, weight, threads)
    loop = plain_loop(x, weight)
    calls |= {name: call for name, call in (("openvino", openvino), ("plain_loop", loop)) if call is not None}
    sums = ours.real(kernels.pack_bits(x))
    if openvino is not None:
        assert np.array_equal(openvino(), sums), "OpenVINO computes something else"
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for _ in range(repeats):
            for name, call in calls.items():
                times[name].append(seconds(call))
    median = {name: statistics.median(values) for name, values in times.items()}
    macs = side * side * channels * channels * 9
    packing = median.pop("leveret_packing")
    torch_best = min(median["torch_nchw"], median["torch_nhwc"])
    return {
        "shape": f"{side}x{side}x{channels}",
        "gmacs": {name: macs / value / 1e9 for name, value in median.items()},
        "milliseconds": {name: 1e3 * value for name, value in median.items()},
        "packing_share": packing / median["leveret"],
        "ratio": torch_best / median["leveret"],
        "ratio_openvino": median["openvino"] / median["leveret"] if "openvino" in median else None,
        "ratio_loop": median["plain_loop"] / median["leveret"] if "plain_loop" in median else None,
    }


def run(threads: int = 1, repeats: int = 15) -> dict[str, Any]:
    """All shapes, and the geometric mean of the ratios."""
    torch.set_num_threads(threads)
    shapes = [measure(side, channels, threads, repeats) for side, channels in SHAPES]
    return {
        "isa": kernels.isa(),
        "threads": threads,
        "torch": torch.__version__,
        "shapes": shapes,
        "xnor_vs_torch": _mean(shapes, "ratio"),
        "xnor_vs_openvino": _mean(shapes, "ratio_openvino"),
        "xnor_vs_loop": _mean(shapes, "ratio_loop"),
        "peak_gmacs": _peak(),
    }


def _mean(shapes: list[dict[str, Any]], key: str) -> float | None:
    """Geometric mean; None where the peer isn't installed."""
    values = [shape[key] for shape in shapes if shape[key] is not None]
    return statistics.geometric_mean(values) if values else None


def _peak() -> float | None:
    """What one core can do at best on bits, in registers alone."""
    peaks = kernels.peaks(0.2)
    return None if peaks is None else peaks.binary_macs / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = run(options.threads, options.repeats)
    table = Table(title=f"3x3 convolution, GMAC/s, {options.threads} thread(s), {result['isa']}")
    columns = ("shape", "leveret", "of it packing", "of peak", "torch nchw", "torch nhwc", "openvino", "loop")
    for column in (*columns, "times torch", "times openvino"):
        table.add_column(column, justify="right")
    peak = (result["peak_gmacs"] or float("nan")) * options.threads
    for shape in result["shapes"]:
        gmacs = shape["gmacs"]
        table.add_row(
            shape["shape"],
            f"{gmacs['leveret']:.0f}",
            f"{shape['packing_share']:.0%}",
            f"{gmacs['leveret'] / peak:.0%}",
            f"{gmacs['torch_nchw']:.1f}",
            f"{gmacs['torch_nhwc']:.1f}",
            f"{gmacs.get('openvino', float('nan')):.0f}",
            f"{gmacs.get('plain_loop', float('nan')):.2f}",
            f"{shape['ratio']:.1f}",
            f"{shape['ratio_openvino'] or float('nan'):.1f}",
        )
    table.add_section()
    means = (f"{result[key] or float('nan'):.1f}" for key in ("xnor_vs_torch", "xnor_vs_openvino"))
    table.add_row("geometric mean", *[""] * 7, *means)
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
