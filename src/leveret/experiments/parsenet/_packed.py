"""Small segmenters: the float net, the same in bytes, and one with a binary backbone, packed; beside other engines."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret._threads import limited_threads
from leveret.data import SegmentationData
from leveret.experiments._turns import in_turn
from leveret.experiments.parsenet._speed import in_torch, packed_net
from leveret.interchange import export_onnx
from leveret.jobs._engines import onnxruntime_model
from leveret.shrink import quantize
from leveret.training import evaluate
from leveret.training._loader import to_tensor

__all__ = ["in_bytes", "small_nets"]

_CALIBRATION = 64  # images


def in_bytes(net: nn.Module, data: SegmentationData) -> nn.Module:
    """The net with its backbone on bytes; what classifies stays real, and so does the first stage, which is quicker."""
    places = np.linspace(0, len(data.train) - 1, min(_CALIBRATION, len(data.train))).astype(np.int64)
    batches = [to_tensor(data.train.fetch(some), data.normalization) for some in np.array_split(places, 8)]
    return quantize(net.eval(), batches, skip=["heads", "backbone.stages.0"])


def small_nets(net: nn.Module, binary: nn.Module, data: SegmentationData, rounds: int = 21) -> list[dict[str, Any]]:
    """A row for each net and engine: mIoU and pixel accuracy on the test part, bytes of the file, milliseconds.

    Args:
        net, binary: trained.
        data: the test part tests, one image of it is timed.
        rounds: of turns.
    """
    nets = {"float": net, "int8": in_bytes(net, data), "binary": binary}
    images = data.test.fetch(np.arange(1))
    rows: list[dict[str, Any]] = []
    calls: dict[str, Callable[[], Any]] = {}
    with limited_threads(1), tempfile.TemporaryDirectory(prefix="leveret-") as scratch:
        for name, one in nets.items():
            packed = packed_net(one, data)
            path = Path(scratch) / f"{name}.lvr"
            packed.save(path)
            rows.append({"net": name, "engine": "Leveret", "bytes": path.stat().st_size, **_quality(packed, data)})
            calls[f"{name} Leveret"] = partial(packed, images, threads=1)
            if name == "float":
                exported = Path(scratch) / "float.onnx"
                export_onnx(packed, exported)
                model, _, _ = onnxruntime_model(exported, (1,), 1)
        rows.append({"net": "float", "engine": "ONNX Runtime", **_quality(model, data)})
        calls["float ONNX Runtime"] = partial(model, images)
        net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        rows.append({"net": "float", "engine": "PyTorch", **_quality(net, data)})
        calls["float PyTorch"] = partial(in_torch, net, to_tensor(images, data.normalization))
        times = in_turn(calls, rounds, clock=time.process_time)
    return [row | {"ms": 1e3 * statistics.median(times[f"{row['net']} {row['engine']}"])} for row in rows]


def _quality(model: Any, data: SegmentationData) -> dict[str, float]:
    found = evaluate(model, data, batch_size=1)
    return {"miou": found.miou, "pixel_accuracy": found.pixel_accuracy}
