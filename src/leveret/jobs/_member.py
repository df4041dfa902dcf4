"""One member of a comparison: a method makes its net, which is packed, measured and kept whole."""

from __future__ import annotations

import json
import os
import shutil
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret._files import write_json, write_text
from leveret.errors import LeveretError, LeveretWarning
from leveret.jobs._speed import limited_threads

__all__ = ["Member", "failed_member"]

RESULT = "result.json"
_AGREEMENT = 0.999  # below, a packed net is said to differ from PyTorch's


@dataclass(frozen=True)
class Member:
    """A method's place in a comparison, and all that it trains with; goes to another process as it is.

    Attributes:
        key: of the method.
        folder: where its model, result and checkpoints stand.
        epochs, pretraining, seed, batch_size, lr, augment, skip_unfit: as for `FineTuning`.
        options: of the method, in place of its defaults.
        threads: of torch and of the kernels.
        provenance: for the packed model.
    """

    key: str
    folder: Path
    epochs: int
    pretraining: int
    seed: int
    batch_size: int
    lr: float
    augment: Any
    skip_unfit: bool
    options: Mapping[str, Any]
    threads: int
    provenance: Mapping[str, Any]

    @property
    def model(self) -> Path:
        return self.folder / "model.lvr"

    @property
    def running(self) -> Path:
        """Stands while a process works on this member; one that died leaves it."""
        return self.folder / "running"

    def finished(self) -> dict[str, Any] | None:
        """The result that an earlier run kept whole; None where there is none, or none of worth."""
        try:
            result = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return result if result.get("status") == "ok" and self.model.exists() else None

    def make(self, net: nn.Module, data: Any) -> dict[str, Any]:
        """Make, tune, pack, measure and keep; what goes wrong becomes part of the result.

        Raises:
            KeyboardInterrupt: Ctrl-C; finished epochs are kept.
            OSError: the disk is full, or gone.
        """
        started = time.perf_counter()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.running.write_text(str(os.getpid()), encoding="ascii")
        with limited_threads(self.threads), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", LeveretWarning)
            try:
                result = self._made(net, data)
            except OSError:
                raise
            except Exception as error:
                write_text(self.folder / "error.txt", traceback.format_exc())
                result = failed_member(self.key, _in_words(error))
        notes = [str(w.message) for w in caught if issubclass(w.category, LeveretWarning)]
        result["notes"] = list(dict.fromkeys([*notes, *result.get("notes", [])]))
        result["seconds"] = time.perf_counter() - started
        write_json(self.folder / RESULT, result)
        if result["status"] == "ok":
            shutil.rmtree(self.folder / "training", ignore_errors=True)
            (self.folder / "error.txt").unlink(missing_ok=True)
        self.running.unlink(missing_ok=True)
        return result

    def _made(self, net: nn.Module, data: Any) -> dict[str, Any]:
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
            "key": self.key,
            "status": "ok",
            "why": "",
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


def failed_member(key: str, why: str, status: str = "failed") -> dict[str, Any]:
    """The result of a member that has none: "failed", or "unfit" where the method doesn't fit the net."""
    return {"key": key, "status": status, "why": why, "notes": [], "history": [], "seconds": 0.0}


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, LeveretError) else f"{type(error).__name__}: {text[:300]}".rstrip(": ")
