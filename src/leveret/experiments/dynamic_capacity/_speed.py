"""Milliseconds an image: the dynamic capacity net against the fine layers everywhere, side by side, one thread."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leveret._threads import limited_threads
from leveret.data import Data
from leveret.experiments._turns import in_turn
from leveret.packing import pack
from leveret.training._loader import to_tensor

__all__ = ["ROUNDS", "speed"]

_BATCHES = (1, 64)
ROUNDS = 21  # of turns

Nets = dict[str, nn.Module]
Calls = dict[str, Callable[[], Any]]


def speed(nets: Nets, data: Data, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """A row for each net, engine and batch: median milliseconds an image.

    Both nets take turns, so that what disturbs one disturbs the other. PyTorch runs channels last in inference mode.
    """
    images = data.test.fetch(np.arange(max(_BATCHES)))
    rows = []
    with limited_threads(1):
        for engine, calls in (("PyTorch", _in_torch), ("Leveret", _packed)):
            for batch in _BATCHES:
                times = in_turn(calls(nets, images, data, batch), rounds)
                rows += [
                    {"net": name, "engine": engine, "batch": batch, "ms": 1e3 * statistics.median(seconds) / batch}
                    for name, seconds in times.items()
                ]
    return rows


def _in_torch(nets: Nets, images: Any, data: Data, batch: int) -> Calls:
    inputs = to_tensor(images, data.normalization)

    @torch.inference_mode()
    def run(net: nn.Module, some: Tensor) -> Any:
        return net(some)

    for net in nets.values():
        net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return {name: partial(run, net, inputs[:batch]) for name, net in nets.items()}


def _packed(nets: Nets, images: Any, data: Data, batch: int) -> Calls:
    example = to_tensor(images[:8], data.normalization)
    packed = {name: pack(net, example, normalization=data.normalization) for name, net in nets.items()}
    return {name: partial(net, images[:batch], threads=1) for name, net in packed.items()}
