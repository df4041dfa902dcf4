"""A step of XNOR layers by the bit kernels against the same layers by float convolutions, forward and with backward.

    python benchmarks/binary_step.py [--threads 1] [--batch 64] [--repeats 7] [--autocast] [--json PATH]

Both take turns on the same layer and input, channels last as `leveret.fit` has them, plain signs. A step is forward and
backward; backward is the same code in both, so that a step gains what forward gains. Every figure is a median.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from leveret.runtime import kernels
from leveret.shrink.binary import XnorConv2d, XnorLinear, use_bit_kernels
from turns import options_of, write

# channels in and out, side of the image; 0: a linear layer
LAYERS = [(64, 64, 32), (128, 128, 8), (128, 128, 16), (256, 256, 8), (512, 512, 4), (1024, 1024, 0)]


def forward(layer: Any, x: torch.Tensor, autocast: bool) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        return layer(x)


def evaluation(layer: Any, x: torch.Tensor, autocast: bool) -> None:
    with torch.no_grad():
        forward(layer, x, autocast)


def step(layer: Any, x: torch.Tensor, autocast: bool) -> None:
    y = forward(layer, x, autocast)
    y.backward(torch.ones_like(y))


def measure(channels: int, outputs: int, side: int, batch: int, repeats: int, autocast: bool) -> dict[str, Any]:
    """Milliseconds of both, evaluation and step."""
    torch.manual_seed(0)
    if side:
        layer: Any = XnorConv2d(channels, outputs, 3, padding=1, weight_scale=False)
        layer = layer.to(memory_format=torch.channels_last)
        x = torch.randn(batch, channels, side, side).contiguous(memory_format=torch.channels_last)
    else:
        layer, x = XnorLinear(channels, outputs, weight_scale=False), torch.randn(batch, channels)
    x.requires_grad_()
    found: dict[str, Any] = {"channels": channels, "outputs": outputs, "side": side}
    for name, run in (("evaluation", evaluation), ("step", step)):
        times: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(repeats + 1):  # the first turn makes memory and counts for neither
            for bits in (False, True):
                use_bit_kernels(layer, bits)
                start = time.perf_counter()
                run(layer, x, autocast)
                if turn:
                    times[bits].append(1e3 * (time.perf_counter() - start))
        found[name] = {"floats": statistics.median(times[False]), "bits": statistics.median(times[True])}
    return found


def run(threads: int = 1, batch: int = 64, repeats: int = 7, autocast: bool = False) -> dict[str, Any]:
    """Both, of every layer."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        rows = [measure(*sizes, batch, repeats, autocast) for sizes in LAYERS]
    finally:
        torch.set_num_threads(before)
    dtype = "bfloat16" if autocast else "float32"
    return {"threads": threads, "batch": batch, "isa": kernels.isa(), "dtype": dtype, "layers": rows}


def size_of(row: dict[str, Any]) -> str:
    """A layer's size in words."""
    size = f"{row['channels']} to {row['outputs']}"
    return f"{size}, 3x3, {row['side']}x{row['side']}" if row["side"] else f"{size}, linear"


def main() -> None:
    options = options_of(__doc__, threads=1, batch=64, repeats=7, autocast=False)
    result = run(options.threads, options.batch, options.repeats, options.autocast)
    title = "XNOR layers, ms, batch {batch}, {threads} threads, {isa}, {dtype}"
    table = Table(title=title.format(**result))
    for column in ("layer", "evaluation: floats", "bits", "times as fast", "step: floats", "bits", "times as fast"):
        table.add_column(column, justify="right")
    for row in result["layers"]:
        cells = [size_of(row)]
        for name in ("evaluation", "step"):
            floats, bits = row[name]["floats"], row[name]["bits"]
            cells += [f"{floats:.2f}", f"{bits:.2f}", f"{floats / bits:.2f}"]
        table.add_row(*cells)
    Console(width=120).print(table)
    write(result, options.json)


if __name__ == "__main__":
    main()
