"""A dataset's teachers, their best subset, and what it says of a transfer set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from leveret._threads import default_threads
from leveret.distill import TeacherEnsemble, TransferSet
from leveret.experiments.deep_vs_shallow._settings import Dataset

__all__ = ["teachers_and_transfer"]


def teachers_and_transfer(data: Any, setting: Dataset, runs: Path) -> tuple[dict[str, Any], TransferSet]:
    """Figures of the teachers on the test part, and the transfer set; what is there is only read."""
    workers = min(2, default_threads())
    ensemble = TeacherEnsemble.train(
        data, setting.members, out=runs / "teachers", search=setting.teachers, workers=workers, threads=1
    )
    subset = ensemble.best_subset(data)
    logits, labels = ensemble.logits("test"), np.asarray(data.test.labels)

    def accuracy(values: Any) -> float:
        return float((values.argmax(-1) == labels).mean())

    found = {
        "members": [
            {
                "val_accuracy": member.accuracy,
                "test_accuracy": member.result["test_accuracy"],
                "parameters": member.result["parameters"],
                "weight": float(weight),
                "seconds": member.result["training_seconds"],
                "params": member.params,
            }
            for member, weight in zip(ensemble.members, subset.weights, strict=True)
        ],
        "failed": [result["why"] for result in ensemble.failed],
        "curve": list(subset.curve),
        "validation": {
            "subset": subset.accuracy,
            "full_ensemble": subset.full_accuracy,
            "best_member": subset.best_accuracy,
        },
        "subset": accuracy(subset.combine(logits)),
        "unbagged": accuracy(ensemble.best_subset(data, bags=0).combine(logits)),
        "full_ensemble": accuracy(logits.mean(0)),
        "best_member": accuracy(logits[ensemble.best]),
    }
    transfer = TransferSet.build(
        data,
        ensemble.net(subset),
        setting.passes * len(data.train),
        setting.augment,
        runs / "transfer",
        workers=workers,
    )
    return found, transfer
