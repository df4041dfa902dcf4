"""Fashion-MNIST and CIFAR-10 made long-tailed at 1:10 and 1:100 by the standard exponential profile."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leveret.data import Data, load, long_tailed
from leveret.experiments._datasets import source_of
from leveret.experiments.imbalance._nets import small_net
from leveret.experiments.imbalance._rows import WORKERS, compared, merged, rows_of

__all__ = ["QUICK_TAILS", "SETTINGS", "Setting", "tails"]


@dataclass(frozen=True)
class Setting:
    """A dataset's trainings.

    Attributes:
        title: of the page.
        seeds: where the command doesn't say.
        epochs: of every method.
        flip: train on mirrored images too.
        ratios: of the most frequent class to the rarest.
        methods: of the catalogue.
    """

    title: str
    seeds: int
    epochs: int
    flip: bool
    ratios: tuple[int, ...] = (10, 100)
    methods: str = "all"


SETTINGS: Mapping[str, Setting] = {
    "fashion": Setting("Fashion-MNIST", 3, 4, True),
    "cifar": Setting("CIFAR-10 (JPEG)", 3, 4, True),
}
_FEW = "plain,frequency-sampling,focal,hard-mining"
QUICK_TAILS: Mapping[str, Setting] = {
    "fashion": Setting("Digits in the place of Fashion-MNIST", 1, 1, False, (10,), _FEW),
    "cifar": Setting("Coloured digits in the place of CIFAR-10", 1, 1, False, (10,), _FEW),
}


def _tail(source: Path, ratio: int, seed: int) -> Data:
    return long_tailed(load(source, seed=seed), ratio, seed=seed)


def tails(
    part: str,
    seeds: int | None,
    data: Path | None,
    runs: Path,
    before: dict[str, Any],
    settings: Mapping[str, Setting] = SETTINGS,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and details for the page."""
    setting = settings[part]
    number = seeds or setting.seeds
    source = source_of(part, data)
    rows, counts = [], {}
    for ratio in setting.ratios:
        found = compared(
            functools.partial(_tail, source, ratio),
            number,
            runs.with_name(f"{part}-{ratio}"),
            net=small_net(part),
            epochs=setting.epochs,
            batch_size=64,  # few epochs: steps count
            lr=0.05,
            flip=setting.flip,
            workers=WORKERS,
            methods=setting.methods,
        )
        metrics = [result.metrics for _, result in found]
        rows += rows_of(f"{part}-{ratio}", metrics)
        counts[str(ratio)] = metrics[0]["data"]["train_counts"]
    return {"rows": merged(before, rows)}, {
        "title": setting.title,
        "seeds": number,
        "epochs": setting.epochs,
        "counts": counts,
        "parameters": metrics[0]["recipe"]["parameters"],
    }
