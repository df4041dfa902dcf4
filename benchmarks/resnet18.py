"""A binary ResNet-18 at 224 pixels, batch of one: packed, against the float ResNet-18 in other engines, in one run.

    python benchmarks/resnet18.py [--threads 1] [--seconds 20] [--json PATH]

Weights are random: only time and memory are measured. The binary net has Bi-Real blocks; its stem is a plain float
convolution (`exact_stem=False`), and for comparison an exact one. Medians of alternating turns, the same threads on all
sides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import leveret
from leveret import runtime
from leveret.jobs import bench
from leveret.jobs._engines import ENGINES, export, lacking, onnxruntime_model, openvino_model
from leveret.jobs._float_net import FloatNet
from leveret.jobs._memory import peak_resident
from leveret.jobs._speed import measure, torch_model
from leveret.shrink.binary import BiRealPair
from turns import options_of, write


def packed_nets(folder: Path) -> dict[str, Path]:
    """The binary nets, and the float one, as files."""
    torch.manual_seed(0)
    nets = {
        "binary": leveret.ResNet.imagenet18(block=BiRealPair, exact_stem=False),
        "binary, exact stem": leveret.ResNet.imagenet18(block=BiRealPair),
        "float": leveret.ResNet.imagenet18(),
    }
    paths = {}
    for name, net in nets.items():
        paths[name] = folder / f"{name.replace(', ', '-').replace(' ', '-')}.lvr"
        leveret.pack(net.eval(), torch.randn(1, 3, 224, 224)).save(paths[name])
    return paths


def run(threads: int = 1, seconds: float = 20.0) -> dict[str, Any]:
    """Milliseconds an image of every contender, with one thread and with two; memory; where our time goes."""
    images = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = packed_nets(folder)
        ours = {f"leveret {key}": runtime.load(path) for key, path in paths.items()}
        models: dict[str, Any] = {key: lambda x, net=net: net(x, threads=threads) for key, net in ours.items()}
        models["torch float"] = torch_model(FloatNet(ours["leveret float"]).eval(), None, images, threads)
        onnx = folder / "float.onnx"
        missing = {key: lacking(engine) for key, engine in ENGINES.items()}
        if not missing["onnxruntime"]:
            export(ours["leveret float"], onnx)
            models["onnxruntime float"] = onnxruntime_model(onnx, (1,), threads)[0]
        if not missing["openvino"] and onnx.exists():
            models["openvino float"] = openvino_model(onnx, (1,), threads)[0]
        speeds = measure(models, images, threads=threads, batch=1, seconds=seconds / 2, rest=0.01)
        milliseconds = {key: speed.ms_per_image for key, speed in speeds.items()}
        net = ours["leveret binary"]
        pair = {str(n): lambda x, n=n: net(x, threads=n) for n in (1, 2)}
        # as the nets above: a call just before, so that the second thread is awake; then without, so that it sleeps
        turns, asleep = (
            measure(pair, images, threads=2, batch=1, seconds=seconds / 4, rest=rest) for rest in (0.01, 0.0)
        )
        memory = {"leveret": peak_resident(bench._ALONE, str(paths["binary"]), "1", str(threads))}
        if not missing["onnxruntime"]:
            memory["onnxruntime"] = peak_resident(ENGINES["onnxruntime"].alone, str(onnx), "1", str(threads))
        steps = net.profile(images, threads=threads, repeats=20)
    peers = [value for key, value in milliseconds.items() if "leveret" not in key]
    total = sum(step.seconds for step in steps)
    return {
        "threads": threads,
        "noise": max(speed.noise for speed in speeds.values()),
        "milliseconds": milliseconds,
        "net_vs_best": min(peers) / milliseconds["leveret binary"],
        "threads_2": turns["1"].ms_per_image / turns["2"].ms_per_image,
        "threads_2_asleep": asleep["1"].ms_per_image / asleep["2"].ms_per_image,
        "peak_mb": {key: value / (1 << 20) for key, value in memory.items()},
        "rss_ratio": memory["leveret"] / memory["onnxruntime"] if "onnxruntime" in memory else None,
        "profile": [
            {"step": step.name, "op": step.op, "us": 1e6 * step.seconds, "share": step.seconds / total}
            for step in sorted(steps, key=lambda step: -step.seconds)[:12]
        ],
    }


def main() -> None:
    options = options_of(__doc__, threads=1, seconds=20.0)
    result = run(options.threads, options.seconds)
    console = Console()
    table = Table(title=f"ResNet-18, 224 pixels, batch 1, {options.threads} thread(s)")
    table.add_column("net")
    table.add_column("ms", justify="right")
    for name, value in result["milliseconds"].items():
        table.add_row(name, f"{value:.2f}")
    console.print(table)
    console.print(f"binary against the best float peer: {result['net_vs_best']:.2f} times as fast")
    console.print(f"two threads against one: {result['threads_2']:.2f}")
    console.print(f"… where the second has to be woken: {result['threads_2_asleep']:.2f}")
    console.print(f"peak resident MB: {', '.join(f'{key} {value:.0f}' for key, value in result['peak_mb'].items())}")
    steps = Table(title="where the binary net's time goes")
    for column in ("step", "op", "us", "share"):
        steps.add_column(column, justify="left" if column in ("step", "op") else "right")
    for row in result["profile"]:
        steps.add_row(row["step"], row["op"], f"{row['us']:.0f}", f"{row['share']:.0%}")
    console.print(steps)
    write(result, options.json)


if __name__ == "__main__":
    main()
