"""XNOR 3x3 convolution, its input's packing included, against others' convolutions in the same run.

    python benchmarks/bitconv.py [--threads 1] [--repeats 15] [--json PATH]

Shapes are ResNet-18's. All start from float activations and end with floats; ours also scales and shifts them, as a
BatchNorm would. PyTorch's float convolution is timed in both memory layouts and the faster one counts. OpenVINO's is
binary too; the plain loop is scalar C, compiled with -O2. Every figure is the median of alternating runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from leveret.runtime import kernels
from peers import openvino_binary_conv, plain_loop
from turns import SHAPES, Call, geometric_mean, medians, options_of, torch_convolutions, write


def measure(side: int, channels: int, threads: int, repeats: int) -> dict[str, Any]:
    """Medians for one shape, batch of one."""
    rng = np.random.default_rng(side)
    x = rng.normal(size=(1, side, side, channels)).astype(np.float32)
    weight = rng.normal(size=(channels, 3, 3, channels)).astype(np.float32)
    ours = kernels.BitConv2d(kernels.pack_bits(weight), channels, padding=1)
    scale, shift = (rng.normal(size=channels).astype(np.float32) for _ in range(2))
    calls: dict[str, Call] = {
        "leveret": lambda: ours.real(kernels.pack_bits(x, threads=threads), scale, shift, threads=threads),
        "leveret_packing": lambda: kernels.pack_bits(x, threads=threads),
        **torch_convolutions(x, weight),
    }
    openvino = openvino_binary_conv(x, weight, threads)
    loop = plain_loop(x, weight)
    calls |= {name: call for name, call in (("openvino", openvino), ("plain_loop", loop)) if call is not None}
    sums = ours.real(kernels.pack_bits(x))
    if openvino is not None:
        assert np.array_equal(openvino(), sums), "OpenVINO computes something else"
    median = medians(calls, repeats)
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
        "xnor_vs_torch": geometric_mean(shape["ratio"] for shape in shapes),
        "xnor_vs_openvino": geometric_mean(shape["ratio_openvino"] for shape in shapes),
        "xnor_vs_loop": geometric_mean(shape["ratio_loop"] for shape in shapes),
        "peak_gmacs": _peak(),
    }


def _peak() -> float | None:
    """What one core can do at best on bits, in registers alone."""
    peaks = kernels.peaks(0.2)
    return None if peaks is None else peaks.binary_macs / 1e9


def main() -> None:
    options = options_of(__doc__, threads=1, repeats=15)
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
    Console(width=120).print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
