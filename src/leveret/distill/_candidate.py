"""One net of a search: its hyper-parameters asked for, trained, its logits kept, the search told."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from leveret._files import replacing, write_json
from leveret._threads import limited_threads
from leveret.distill._search import Search, Study
from leveret.errors import LeveretTrainingError, LeveretUsageError
from leveret.nets import parameter_count
from leveret.training import Task, evaluate, fit, has_damaged_checkpoint
from leveret.training._evaluate import Part
from leveret.training._threads import threads_for

__all__ = ["Candidate", "has_net", "load_net"]

_WEIGHTS = "net.safetensors"
_TRIAL = "trial.json"


@dataclass(frozen=True)
class Candidate(Task):
    """Goes to another process as it is.

    Attributes:
        index: among its like, from 0.
        search, study: what is searched, and where its trials are kept.
        seed: of initial weights, order and augmentation.
        parts: of the data, whose logits are kept.
    """

    index: int
    search: Search
    study: Study
    seed: int
    parts: tuple[Part, ...] = ("val",)

    retries = 1

    @property
    def training(self) -> Path:
        return self.folder / "training"

    def logits(self, part: str) -> Path:
        """Where the logits of a part of the data stand, `(n, classes)` float32."""
        return self.folder / f"logits-{part}.npy"

    def whole(self) -> bool:
        return has_net(self.folder) and all(self.logits(part).exists() for part in self.parts)

    def tidy(self) -> None:
        shutil.rmtree(self.training, ignore_errors=True)

    def work(self, data: Any) -> dict[str, Any]:
        """Train with what the search suggests, and measure on each part.

        Raises:
            LeveretTrainingError: training diverged; the search is told that these hyper-parameters failed.
        """
        number, params = self._trial()
        torch.manual_seed(self.seed)
        net = self.search.net(params, data)
        settings = {"stage": self.key, "keep_best": False, **self.search.settings(params, data)}
        threads = threads_for(net, data, settings.get("batch_size", 128), self.threads)
        # a kill may have come in mid-writing
        resume = False if has_damaged_checkpoint(self.training) else "auto"
        try:
            with limited_threads(threads):
                trained = fit(net, data, seed=self.seed, out=self.training, resume=resume, progress=False, **settings)
        except LeveretTrainingError:
            self.study.tell(number, None)
            raise
        if trained.interrupted:
            raise KeyboardInterrupt
        measured = {}
        for part in self.parts:
            evaluation = evaluate(net, data, part)
            measured[f"{part}_accuracy"] = evaluation.accuracy
            measured[f"{part}_loss"] = evaluation.loss
            with replacing(self.logits(part)) as temporary, temporary.open("wb") as file:
                np.save(file, np.asarray(evaluation.logits, dtype=np.float32))
        with replacing(self.folder / _WEIGHTS) as temporary:
            save_file({name: value.contiguous() for name, value in net.state_dict().items()}, temporary)
        self.study.tell(number, measured["val_accuracy"])
        return {
            "index": self.index,
            "trial": number,
            "params": params,
            "parameters": parameter_count(net),
            "seed": self.seed,
            **measured,
            "epochs": len(trained.history),
            "samples_seen": trained.samples_seen,
            "unique_seen": trained.unique_seen,
            "training_seconds": trained.seconds,
            "history": trained.history,
        }

    def _trial(self) -> tuple[int, dict[str, Any]]:
        """The hyper-parameters, which a task that goes on had before."""
        path = self.folder / _TRIAL
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            return kept["number"], kept["params"]
        number, params = self.study.ask(self.search, self.index)
        try:
            write_json(path, {"number": number, "params": params})
        except TypeError as error:
            raise LeveretUsageError(f"a search must suggest numbers, texts, lists and dicts: {error}") from error
        return number, params


def has_net(folder: Path) -> bool:
    """Whether a candidate left its weights in a folder."""
    return (folder / _WEIGHTS).exists()


def load_net(search: Search, params: dict[str, Any], data: Any, folder: Path) -> nn.Module:
    """The trained net of a finished candidate, in eval mode."""
    net = search.net(params, data)
    net.load_state_dict(load_file(folder / _WEIGHTS))
    return net.eval()
