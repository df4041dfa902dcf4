"""One member of a comparison: a method makes its net, which is packed, measured and kept whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret.training._task import Task

__all__ = ["Member"]

_AGREEMENT = 0.999  # below, a packed net is said to differ from PyTorch's


@dataclass(frozen=True)
class Member(Task):
    """A method's place in a comparison, and all that it trains with; goes to another process as it is.

    Attributes:
        key: of the method.
        epochs, pretraining, seed, batch_size, lr, augment, skip_unfit: as for `FineTuning`.
        options: of the method, in place of its defaults.
        provenance: for the packed model.
    """

    epochs: int
    pretraining: int
    seed: int
    batch_size: int
    lr: float
    augment: Any
    skip_unfit: bool
    options: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def model(self) -> Path:
        return self.folder / "model.lvr"

    def whole(self) -> bool:
        return self.model.exists()

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)

    def work(self, net: nn.Module, data: Any) -> dict[str, Any]:
        """Make, tune, pack and measure."""
        from leveret import packing, runtime
        from leveret.shrink.binary import by_floats_alone
        from leveret.shrink.catalogue import METHODS, FineTuning
        from leveret.training import evaluate

        method = METHODS[self.key]
        tuning = FineTuning(
            data,
            self.epochs,
            seed=self.seed,
            out=self.folder / "training",
            batch_size=self.batch_size,
            lr=self.lr,
            augment=self.augment,
            pretraining=self.pretraining,
            skip_unfit=self.skip_unfit,
        )
        small = method.make(net, tuning, **self.options)
        example = torch.from_numpy(data.normalization.apply(data.train.fetch(np.arange(min(4, len(data.train))))))
        provenance = {**self.provenance, "method": self.key}
        packing.pack(
            small, example, normalization=data.normalization, classes=data.classes, provenance=provenance
        ).save(self.model)
        # what is measured is what stands in the file
        packed = runtime.load(self.model)
        measured = evaluate(lambda images: packed(images, threads=self.threads), data)
        with by_floats_alone():
            in_torch = evaluate(small, data)
        agreement = float((measured.predictions == in_torch.predictions).mean())
        notes = []
        if agreement < _AGREEMENT:
            notes.append(
                f"the packed model names another class than PyTorch for {1 - agreement:.2%} of the test images; less "
                "than 0.1 % is usual"
            )
        return {
            "accuracy": measured.accuracy,
            "interval": list(measured.interval),
            "samples": len(measured.labels),
            "loss": measured.loss,
            "bytes": self.model.stat().st_size,
            "agreement": agreement,
            "largest_logit_difference": float(np.abs(measured.logits - in_torch.logits).max()),
            "epochs": tuning.spent,
            "diverged": tuning.diverged,
            "notes": notes,
            "history": tuning.history,
        }
