"""XNOR 3x3 convolution, its input's packing included, against others' convolutions in the same run.

    python benchmarks/bitconv.py [--threads 1] [--repeats 15] [--json PATH]

Shapes are ResNet-18's. All start from float activations and end with floats; ours also scales and shifts them, as a
BatchNorm would. PyTorch's float convolution is timed in both memory layouts and the faster one counts; the plain loop
is scalar C, compiled with -O2. Every figure is the median of alternating runs.

OpenVINO's convolution is binary too. It takes channels first and computes channels last, so a single call spends up to
half of its time on turning images round; beside it, eight layers in a row are timed, each side in an engine of its own,
and divided by eight. There Leveret's layers write floats between them, as OpenVINO's do, or bits alone, as `pack` makes
them where only the signs are used. The share of the peak is of such a layer, timed inside the net.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from leveret.runtime import InputContract, Packed, kernels
from leveret.runtime._graph import Graph, Step
from peers import openvino_binary_convs, plain_loop
from turns import SHAPES, Call, geometric_mean, medians, options_of, torch_convolutions, write

LAYERS = 8  # in a row


def row_of_layers(x: np.ndarray, weights: list[np.ndarray], *, floats: bool) -> Packed:
    """Signs and a binary convolution with a norm, again and again, as a packed net."""
    rng = np.random.default_rng(0)
    channels = x.shape[3]
    window = {"padding": [1, 1]}
    tensors = {f"w{i}": kernels.pack_bits(weight) for i, weight in enumerate(weights)}
    tensors |= {name: rng.normal(size=channels).astype(np.float32) for name in ("scale", "shift", "threshold")}
    tensors["flip"] = rng.integers(0, 2, channels).astype(np.uint8)
    norm = {"scale": "scale", "shift": "shift"}
    steps, last = [], "input"
    if not floats:
        steps.append(Step("b", "bits", ["input"]))
        last = "b"
    for i in range(len(weights)):
        if floats:
            steps.append(Step(f"b{i}", "bits", [last]))
            steps.append(Step(f"y{i}", "bit_conv2d", [f"b{i}"], window, {"weight": f"w{i}", **norm}))
        elif i + 1 < len(weights):
            signs = {"weight": f"w{i}", "threshold": "threshold", "flip": "flip"}
            steps.append(Step(f"y{i}", "bit_conv2d_to_bits", [last], window, signs))
        else:
            steps.append(Step(f"y{i}", "bit_conv2d", [last], window, {"weight": f"w{i}", **norm}))
        last = f"y{i}"
    if floats:
        del tensors["threshold"], tensors["flip"]
    return Packed(Graph(steps), tensors, InputContract((channels, *x.shape[1:3])))


def measure_row(side: int, channels: int, threads: int, repeats: int) -> dict[str, float | None]:
    """Milliseconds a layer."""
    rng = np.random.default_rng(side)
    x = rng.normal(size=(1, side, side, channels)).astype(np.float32)
    weights = [rng.normal(size=(channels, 3, 3, channels)).astype(np.float32) for _ in range(LAYERS)]
    images = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    floats, bits = (row_of_layers(x, weights, floats=floats) for floats in (True, False))
    calls = {
        "leveret": lambda: floats(images, threads=threads),
        "leveret_bits": lambda: bits(images, threads=threads),
        "openvino": openvino_binary_convs(x, weights, threads),
    }
    median = medians({name: call for name, call in calls.items() if call is not None}, repeats)
    found = {name: 1e3 * median[name] / LAYERS if name in median else None for name in calls}
    alone = [step.seconds for step in bits.profile(images, threads=threads, repeats=20 * repeats) if "conv" in step.op]
    return {**found, "kernel": 1e3 * statistics.median(alone)}


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
    openvino = openvino_binary_convs(x, [weight], threads)
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
        "macs": macs,
        "gmacs": {name: macs / value / 1e9 for name, value in median.items()},
        "milliseconds": {name: 1e3 * value for name, value in median.items()},
        "packing_share": packing / median["leveret"],
        "ratio": torch_best / median["leveret"],
        "ratio_openvino_alone": median["openvino"] / median["leveret"] if "openvino" in median else None,
        "ratio_loop": median["plain_loop"] / median["leveret"] if "plain_loop" in median else None,
    }


def run(threads: int = 1, repeats: int = 15) -> dict[str, Any]:
    """All shapes, and the geometric mean of the ratios."""
    torch.set_num_threads(threads)
    shapes = [measure(side, channels, threads, repeats) for side, channels in SHAPES]
    for shape, (side, channels) in zip(shapes, SHAPES, strict=True):
        shape["row"] = row = measure_row(side, channels, threads, repeats)
        shape["ratio_openvino"] = row["openvino"] / row["leveret"] if row["openvino"] else None
        shape["ratio_openvino_bits"] = row["openvino"] / row["leveret_bits"] if row["openvino"] else None
        # rows of the kernel that lie outside the image are left out, and with AVX-512 columns, too
        inside = 1 - 2 / (3 * side)
        shape["done"] = inside**2 if kernels.isa() == "avx512" else inside
    return {
        "isa": kernels.isa(),
        "threads": threads,
        "torch": torch.__version__,
        "shapes": shapes,
        "xnor_vs_torch": geometric_mean(shape["ratio"] for shape in shapes),
        "xnor_vs_openvino": geometric_mean(shape["ratio_openvino"] for shape in shapes),
        "xnor_vs_openvino_bits": geometric_mean(shape["ratio_openvino_bits"] for shape in shapes),
        "xnor_vs_openvino_alone": geometric_mean(shape["ratio_openvino_alone"] for shape in shapes),
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
    for column in (*columns, "times torch", "times openvino", "in a row"):
        table.add_column(column, justify="right")
    peak = (result["peak_gmacs"] or float("nan")) * options.threads
    for shape in result["shapes"]:
        gmacs = shape["gmacs"]
        table.add_row(
            shape["shape"],
            f"{gmacs['leveret']:.0f}",
            f"{shape['packing_share']:.0%}",
            f"{1e-6 * shape['macs'] * shape['done'] / shape['row']['kernel'] / peak:.0%}",
            f"{gmacs['torch_nchw']:.1f}",
            f"{gmacs['torch_nhwc']:.1f}",
            f"{gmacs.get('openvino', float('nan')):.0f}",
            f"{gmacs.get('plain_loop', float('nan')):.2f}",
            f"{shape['ratio']:.1f}",
            f"{shape['ratio_openvino_alone'] or float('nan'):.2f}",
            f"{shape['ratio_openvino'] or float('nan'):.2f}",
        )
    table.add_section()
    keys = ("xnor_vs_torch", "xnor_vs_openvino_alone", "xnor_vs_openvino")
    means = (f"{result[key] or float('nan'):.2f}" for key in keys)
    table.add_row("geometric mean", *[""] * 7, *means)
    Console(width=120).print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
