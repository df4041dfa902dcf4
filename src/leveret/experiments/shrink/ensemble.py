"""The review's question on Fashion-MNIST: k small binary nets, or one real net of as many bytes, or of as much time?

The binary nets are XNOR-style with a real shortcut round every binary convolution (`BiRealBlock`), differ by their
seeds alone, and are packed as one model that averages their logits. The real nets are the same `ConvNet` of real
blocks, with all its widths scaled until the packed file is as large as the ensemble's, or an image takes as long.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from leveret.experiments.shrink._measure import error_of, milliseconds, saved
from leveret.experiments.shrink._stages import trained
from leveret.nets import ConvNet, Ensemble
from leveret.nets._blocks import ConvBlock
from leveret.runtime import Packed
from leveret.shrink.binary import BiRealBlock

__all__ = ["SETTING", "Setting", "ensemble"]


@dataclass(frozen=True)
class Setting:
    """How large and how long.

    Attributes:
        most: members at most.
        last: channels of a binary net's last stage; the two before have a quarter and half as many.
        ladder: channels of real nets that are timed, untrained, to find the width for a time.
        epochs, batch_size, lr: of every training.
        seconds: spent on each timing.
    """

    most: int = 8
    last: int = 64
    ladder: tuple[int, ...] = (16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192)
    epochs: int = 4
    batch_size: int = 256
    lr: float = 4e-3
    seconds: float = 20.0


SETTING = Setting()


def ensemble(data: Any, runs: Path, seeds: int) -> dict[str, Any]:
    """Train members and their rivals for every seed, then measure all: a row for each k."""
    first = [_binary(data, runs, 0, member) for member in range(SETTING.most)]
    sizes = range(1, SETTING.most + 1)
    files = {k: saved(Ensemble(first[:k]), data, runs / f"ensemble-{k}.lvr") for k in sizes}
    widths = _widths(data, runs, files)
    rows = []
    models: dict[str, Packed] = {"sibling": _packed_real(data, runs, 0, SETTING.last)[0]}
    for k in sizes:
        models[f"ensemble-{k}"] = files[k][0]
        models |= {f"{kind}-{k}": _packed_real(data, runs, 0, last)[0] for kind, last in widths[k].items()}
    times, noise = milliseconds(models, data, SETTING.seconds)
    for k in sizes:
        row: dict[str, Any] = {"k": k}
        row["ensemble"] = _figures([_of_members(data, runs, seed, k) for seed in range(seeds)], times[f"ensemble-{k}"])
        for kind, last in widths[k].items():
            found = [_of_real(data, runs, seed, last) for seed in range(seeds)]
            row[kind] = {"channels": last, **_figures(found, times[f"{kind}-{k}"])}
        rows.append(row)
    sibling = _figures([_of_real(data, runs, seed, SETTING.last) for seed in range(seeds)], times["sibling"])
    return {"seeds": seeds, "noise": noise, "sibling": {"channels": SETTING.last, **sibling}, "rows": rows}


def _stages(last: int) -> tuple[int, int, int]:
    return max(1, round(last / 4)), max(1, round(last / 2)), last


def _net(seed: int, last: int, block: Any) -> nn.Module:
    torch.manual_seed(seed)
    return ConvNet(1, 10, depth=4, widths=_stages(last), block=block, stem_pool=True)


def _learned(net: nn.Module, data: Any, folder: Path, seed: int) -> nn.Module:
    settings = {"epochs": SETTING.epochs, "batch_size": SETTING.batch_size, "lr": SETTING.lr}
    return trained(net, data, folder, seed=seed, **settings).net


def _binary(data: Any, runs: Path, seed: int, member: int) -> nn.Module:
    own = 1000 * seed + member
    return _learned(_net(own, SETTING.last, BiRealBlock), data, runs / f"binary-{seed}-{member}", own)


def _real(data: Any, runs: Path, seed: int, last: int) -> nn.Module:
    return _learned(_net(seed, last, ConvBlock), data, runs / f"real-{seed}-{last}", seed)


def _packed_real(data: Any, runs: Path, seed: int, last: int) -> tuple[Packed, int]:
    return saved(_real(data, runs, seed, last), data, runs / f"real-{seed}-{last}.lvr")


def _of_real(data: Any, runs: Path, seed: int, last: int) -> tuple[float, int]:
    packed, size = _packed_real(data, runs, seed, last)
    return 1 - error_of(packed, data), size


def _of_members(data: Any, runs: Path, seed: int, k: int) -> tuple[float, int]:
    members = [_binary(data, runs, seed, member) for member in range(k)]
    packed, size = saved(Ensemble(members), data, runs / f"ensemble-{seed}-{k}.lvr")
    return 1 - error_of(packed, data), size


def _figures(found: list[tuple[float, int]], ms: float) -> dict[str, float]:
    accuracies = [accuracy for accuracy, _ in found]
    return {
        "accuracy": statistics.mean(accuracies),
        "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        "bytes": round(statistics.mean(size for _, size in found)),
        "ms": ms,
    }


def _widths(data: Any, runs: Path, files: dict[int, tuple[Packed, int]]) -> dict[int, dict[str, int]]:
    """For each k the channels of the real net as large, and of the one as slow, found without training."""
    untrained = {last: saved(_net(0, last, ConvBlock).eval(), data, runs / "untrained.lvr") for last in SETTING.ladder}
    models = {f"real-{last}": packed for last, (packed, _) in untrained.items()}
    models |= {f"ensemble-{k}": packed for k, (packed, _) in files.items()}
    times, _ = milliseconds(models, data, SETTING.seconds)
    by_time = {last: times[f"real-{last}"] for last in untrained}
    return {
        k: {"same_bytes": _as_large(data, runs, size), "same_time": _between(by_time, times[f"ensemble-{k}"])}
        for k, (_, size) in files.items()
    }


def _as_large(data: Any, runs: Path, wanted: int) -> int:
    """The channels whose file is nearest to so many bytes, by halving the interval."""

    def size_of(last: int) -> int:
        return saved(_net(0, last, ConvBlock).eval(), data, runs / "untrained.lvr")[1]

    low, high = SETTING.ladder[0], SETTING.ladder[-1]
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size_of(middle) <= wanted else (low, middle)
    return min((low, high), key=lambda last: abs(size_of(last) - wanted))


def _between(by_width: dict[int, float], wanted: float) -> int:
    """The width for a wanted value, along straight lines between those measured; at the ends, the ends'."""
    found = sorted(by_width.items())
    for (low, below), (high, above) in itertools.pairwise(found):
        if below <= wanted <= above:
            return round(low + (high - low) * (wanted - below) / max(above - below, 1e-12))
    return min(by_width, key=lambda last: abs(by_width[last] - wanted))
