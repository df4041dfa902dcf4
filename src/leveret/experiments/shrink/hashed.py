"""HashedNets on MNIST beside dense nets of as many numbers, as in the paper's comparison.

The net is the paper's of three layers, 784-1000-10 with ReLU, hashed as it begins and trained from there. The dense net
has the same depth and so many hidden neurons that it holds as many numbers as the hashed one has values and biases. All
learn alike, from the training images as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from leveret.experiments.shrink._measure import error_of, saved
from leveret.experiments.shrink._nets import perceptron
from leveret.experiments.shrink._stages import trained
from leveret.nets import parameter_count
from leveret.shrink import hash_weights

__all__ = ["SETTING", "Setting", "hashed"]


@dataclass(frozen=True)
class Setting:
    """How large and how long.

    Attributes:
        hidden: neurons of the net that is hashed.
        ratios: weights for each value.
        epochs: of every training.
    """

    hidden: int = 1000
    ratios: tuple[int, ...] = (8, 64)
    epochs: int = 20


SETTING = Setting()


def hashed(data: Any, runs: Path, setting: Setting = SETTING) -> dict[str, Any]:
    """Rows of each net: its numbers, its error packed, its file's bytes."""
    full = perceptron(784, setting.hidden, 10)
    rows = [_row("dense, whole", 1, full, data, runs / "whole", setting)]
    for ratio in setting.ratios:
        small = hash_weights(full, ratio, start="random")
        rows.append(_row(f"HashedNet, 1/{ratio}", ratio, small, data, runs / f"hashed-{ratio}", setting))
        # hidden · (784 + 1) + 10 · (hidden + 1) numbers
        hidden = round((parameter_count(small) - 10) / (784 + 1 + 10))
        dense = perceptron(784, hidden, 10)
        rows.append(_row(f"dense, {hidden} hidden neurons", ratio, dense, data, runs / f"dense-{ratio}", setting))
    return {"what": f"784-{setting.hidden}-10", "rows": rows}


def _row(name: str, ratio: int, net: nn.Module, data: Any, folder: Path, setting: Setting) -> dict[str, Any]:
    stage = trained(net, data, folder, epochs=setting.epochs, lr=1e-3)
    packed, size = saved(stage.net, data, folder.with_suffix(".lvr"))
    return {
        "name": name,
        "ratio": ratio,
        "numbers": parameter_count(net),
        "error": error_of(packed, data),
        "bytes": size,
        "epochs": stage.epochs,
        "seconds": stage.seconds,
    }
