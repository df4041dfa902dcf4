"""The review's question on Fashion-MNIST: k small binary nets, or one real net of as many bytes, or of as much time?

The binary nets are XNOR-style with a real shortcut round every binary convolution (`BiRealBlock`), differ by their
seeds alone, and are packed as one model that averages their logits. The real nets are the same `ConvNet` of real
blocks, with all its widths scaled until the packed file is as large as the ensemble's, or an image takes as long.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret.experiments.shrink._measure import error_of, milliseconds, saved
from leveret.experiments.shrink._stages import kept, trained
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
    ladder: tuple[int, ...] = (8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192)
    epochs: int = 4
    batch_size: int = 256
    lr: float = 4e-3
    seconds: float = 20.0


SETTING = Setting()


def ensemble(data: Any, runs: Path, seeds: int, setting: Setting = SETTING) -> dict[str, Any]:
    """Train members and their rivals for every seed, then measure all: a row for each k."""
    nets = _Nets(data, runs, setting)
    sizes = range(1, setting.most + 1)
    # found once, as a later run's clock would ask for other nets
    found = kept(runs / "widths.json", lambda: {str(k): own for k, own in _widths(nets, sizes).items()})
    widths = {int(k): own for k, own in found.items()}
    models: dict[str, Packed] = {"sibling": nets.real(0, setting.last)[0]}
    for k in sizes:
        models[f"ensemble-{k}"] = nets.members(0, k)[0]
        models |= {f"{kind}-{k}": nets.real(0, last)[0] for kind, last in widths[k].items()}
    times, noise = milliseconds(models, data, setting.seconds)
    rows = []
    for k in sizes:
        row: dict[str, Any] = {"k": k}
        row["ensemble"] = _figures([nets.members(seed, k) for seed in range(seeds)], data, times[f"ensemble-{k}"])
        for kind, last in widths[k].items():
            rivals = [nets.real(seed, last) for seed in range(seeds)]
            row[kind] = {"channels": last, **_figures(rivals, data, times[f"{kind}-{k}"])}
        rows.append(row)
    sibling = _figures([nets.real(seed, setting.last) for seed in range(seeds)], data, times["sibling"])
    return {
        "noise": noise,
        "epochs": setting.epochs,
        "sibling": {"channels": setting.last, **sibling},
        "rows": rows,
    }


class _Nets:
    """All nets, each trained and packed once: `(packed, bytes)`."""

    def __init__(self, data: Any, runs: Path, setting: Setting) -> None:
        self.data = data
        self.runs = runs
        self.setting = setting
        self._packed: dict[str, tuple[Packed, int]] = {}

    def members(self, seed: int, k: int) -> tuple[Packed, int]:
        """The first `k` binary nets of a seed as one."""
        return self._once(f"ensemble-{seed}-{k}", lambda: Ensemble(self._member(seed, i) for i in range(k)))

    def real(self, seed: int, last: int) -> tuple[Packed, int]:
        """A real net with `last` channels in its last stage."""
        name = f"real-{seed}-{last}"
        return self._once(name, lambda: self._learned(_net(seed, last, ConvBlock), name, seed))

    def untrained(self, last: int) -> tuple[Packed, int]:
        """The same, as it begins, for its size and its time."""
        return self._once(f"untrained-{last}", lambda: _net(0, last, ConvBlock).eval())

    def _member(self, seed: int, member: int) -> nn.Module:
        own = 1000 * seed + member
        return self._learned(_net(own, self.setting.last, BiRealBlock), f"binary-{seed}-{member}", own)

    def _learned(self, net: nn.Module, name: str, seed: int) -> nn.Module:
        settings: dict[str, Any] = {
            "epochs": self.setting.epochs,
            "batch_size": self.setting.batch_size,
            "lr": self.setting.lr,
        }
        return trained(net, self.data, self.runs / name, seed=seed, **settings).net

    def _once(self, name: str, make: Callable[[], nn.Module]) -> tuple[Packed, int]:
        if name not in self._packed:
            self._packed[name] = saved(make(), self.data, self.runs / f"{name}.lvr")
        return self._packed[name]


def _net(seed: int, last: int, block: Any) -> nn.Module:
    torch.manual_seed(seed)
    widths = (max(1, round(last / 4)), max(1, round(last / 2)), last)
    return ConvNet(1, 10, depth=4, widths=widths, block=block, stem_pool=True)


def _figures(found: list[tuple[Packed, int]], data: Any, ms: float) -> dict[str, float]:
    accuracies = [1 - error_of(packed, data) for packed, _ in found]
    return {
        "accuracy": statistics.mean(accuracies),
        "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        "bytes": round(statistics.mean(size for _, size in found)),
        "ms": ms,
    }


def _widths(nets: _Nets, sizes: Iterable[int]) -> dict[int, dict[str, int]]:
    """For each k the channels of the real net as large, and of the one as slow, found without training."""
    models = {f"real-{last}": nets.untrained(last)[0] for last in nets.setting.ladder}
    models |= {f"ensemble-{k}": nets.members(0, k)[0] for k in sizes}
    times, _ = milliseconds(models, nets.data, nets.setting.seconds)
    by_time = {last: times[f"real-{last}"] for last in nets.setting.ladder}
    return {
        k: {
            "same_bytes": _as_large(nets, nets.members(0, k)[1]),
            "same_time": _between(by_time, times[f"ensemble-{k}"]),
        }
        for k in sizes
    }


def _as_large(nets: _Nets, wanted: int) -> int:
    """The channels whose file is nearest to so many bytes, by halving the interval."""
    low, high = nets.setting.ladder[0], nets.setting.ladder[-1]
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if nets.untrained(middle)[1] <= wanted else (low, middle)
    return min((low, high), key=lambda last: abs(nets.untrained(last)[1] - wanted))


def _between(by_width: dict[int, float], wanted: float) -> int:
    """The width for a wanted time, along straight lines between those measured; at the ends, theirs."""
    from sklearn.isotonic import IsotonicRegression

    widths = np.array(sorted(by_width), dtype=float)
    # a wider net is no faster: where the clock says so, both take their mean
    rising = IsotonicRegression().fit_transform(widths, [by_width[int(width)] for width in widths])
    return round(float(np.interp(wanted, rising, widths)))
