"""Milliseconds an image of all models, packed and in PyTorch, one thread; they take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret._threads import limited_threads
from leveret.data import SegmentationData
from leveret.experiments._turns import in_turn
from leveret.packing import pack
from leveret.training._loader import to_tensor

__all__ = ["in_torch", "packed_net", "speed"]


def speed(nets: Mapping[str, nn.Module], data: SegmentationData, rounds: int = 21) -> dict[str, Any]:
    """Median milliseconds of each net on one image, and what its context adds.

    Returns:
        `rows` of `model`, `ms` (packed), `torch_ms`; and `costs`, by the name of a net with context: how much longer
        it takes than the plain one with the same backbone, a share of the latter's time. These are medians over
        rounds, as what disturbs a round disturbs both.
    """
    images = data.test.fetch(np.arange(1))
    times: dict[str, dict[str, list[float]]] = {}
    with limited_threads(1):
        packed = {name: partial(packed_net(net, data), images, threads=1) for name, net in nets.items()}
        times["ms"] = in_turn(packed, rounds, clock=time.process_time)
        inputs = to_tensor(images, data.normalization)
        for net in nets.values():
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        times["torch_ms"] = in_turn(
            {name: partial(in_torch, net, inputs) for name, net in nets.items()}, rounds, clock=time.process_time
        )
    rows = [
        {"model": name, **{key: 1e3 * statistics.median(found[name]) for key, found in times.items()}} for name in nets
    ]
    costs = {}
    for name, taken in times["ms"].items():
        plain = times["ms"].get("fcn-bn" if name.endswith("-bn") else "fcn")
        if plain is not None and plain is not taken:
            costs[name] = statistics.median(a / b for a, b in zip(taken, plain, strict=True)) - 1
    return {"rows": rows, "costs": costs}


def packed_net(net: nn.Module, data: SegmentationData) -> Any:
    """The net packed for the data's images, from pixels to logits."""
    example = to_tensor(data.train.fetch(np.arange(min(2, len(data.train)))), data.normalization)
    return pack(net.eval(), example, normalization=data.normalization, classes=data.classes)


@torch.inference_mode()
def in_torch(net: nn.Module, inputs: Tensor) -> Any:
    """The net in PyTorch; with weights channels last it is quicker on CPUs."""
    return net(inputs)
