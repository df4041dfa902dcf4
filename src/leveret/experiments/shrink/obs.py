"""Which weights to take: magnitude, Optimal Brain Damage and Optimal Brain Surgeon, without retraining.

On LeNet-300-100, where the surgeon has a matrix for each row of weights, and on a perceptron for MNIST at 7x7 pixels,
where one matrix spans all weights. Each method goes from point to point of the curve, its curvature taken anew at each,
from training images. What is added to the curvature's diagonal decides how far the surgeon trusts its quadratic: of
several such dampings the one of least validation error is taken at each point. Errors are on the test part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret.experiments.shrink._check import check
from leveret.experiments.shrink._measure import error_of
from leveret.experiments.shrink._nets import lenet300, perceptron
from leveret.experiments.shrink._stages import kept, trained
from leveret.shrink import prune

__all__ = ["METHODS", "NETS", "Curve", "no_worse", "obs"]

METHODS = ("magnitude", "obd", "obs")


@dataclass(frozen=True)
class Curve:
    """One net's.

    Attributes:
        net: makes it, from a seed.
        what: it is.
        epochs: of its training.
        sparsities: the points, ascending.
        samples: whose losses' curvature is taken.
        dampings: of the surgeon, tried at each point.
    """

    net: Callable[[int], nn.Module]
    what: str
    epochs: int
    sparsities: tuple[float, ...]
    samples: int
    dampings: tuple[float, ...]


def _small(seed: int) -> nn.Module:
    return perceptron(49, 20, 10, seed=seed)


NETS = {
    "perceptron": Curve(
        _small,
        "49-20-10 on MNIST at 7x7 pixels, one matrix over all 1,180 weights",
        40,
        (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9),
        2000,
        (0.01, 0.1, 1.0, 10.0),
    ),
    "lenet300": Curve(
        lenet300,
        "LeNet-300-100 on MNIST, a matrix for each row of weights",
        30,
        (0.5, 0.7, 0.8, 0.85, 0.9, 0.95),
        1000,
        (0.1,),
    ),
}


def obs(data: Callable[[str], Any], runs: Path, curves: Mapping[str, Curve] = NETS) -> dict[str, Any]:
    """Both nets' curves, the check of the update, and whether the surgeon was no worse at every point.

    Args:
        data: gives "perceptron" and "lenet300" their images.
        runs: folder of the trainings and of what was found.
        curves: by these names.
    """
    nets = {}
    for name, curve in curves.items():
        nets[name] = kept(runs / name / "curve.json", partial(_curve, curve, data(name), runs / name))
    return {"nets": nets, "no_worse": all(no_worse(net) for net in nets.values()), "check": check()}


def no_worse(net: dict[str, Any]) -> bool:
    """Whether the surgeon's error is nowhere above another method's, without any tolerance."""
    return all(row["obs"] <= min(row["magnitude"], row["obd"]) for row in net["points"])


def _curve(curve: Curve, data: Any, folder: Path) -> dict[str, Any]:
    dense = trained(curve.net(0), data, folder / "dense", epochs=curve.epochs)
    some = np.random.default_rng(0).permutation(len(data.train))[: curve.samples]
    batches = torch.from_numpy(data.normalization.apply(data.train.fetch(some))).split(250)
    points: list[dict[str, float]] = [{"sparsity": sparsity} for sparsity in curve.sparsities]
    for method in METHODS:
        net = dense.net
        for point in points:
            start = time.perf_counter()
            net, damping = _pruned(net, point["sparsity"], method, batches, curve, data)
            point[method] = error_of(net, data)
            point[f"{method}_seconds"] = time.perf_counter() - start
            if damping is not None:
                point["damping"] = damping
    return {
        "what": curve.what,
        "samples": curve.samples,
        "dampings": curve.dampings,
        "dense_error": error_of(dense.net, data),
        "points": points,
    }


def _pruned(
    net: nn.Module, sparsity: float, method: Any, batches: Any, curve: Curve, data: Any
) -> tuple[nn.Module, float | None]:
    """The net pruned further, and the surgeon's damping."""
    if method == "magnitude":
        return prune(net, sparsity), None
    if method == "obd":
        return prune(net, sparsity, method=method, batches=batches), None
    tried = [(prune(net, sparsity, method=method, batches=batches, damping=d), d) for d in curve.dampings]
    return tried[0] if len(tried) == 1 else min(tried, key=lambda pair: error_of(pair[0], data, "val"))
