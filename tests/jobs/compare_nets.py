"""Nets that misbehave once a method has changed them; importable, so that worker processes know them too."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import torch
from torch import nn

from leveret.shrink.binary import BinaryWeightConv2d, XnorConv2d
from leveret.shrink.lowbit import LowBitConv2d


class Tiny(nn.Module):
    """Three convolutions and a classifier; 8x8 grey images, 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.classifier = nn.Linear(128, 10)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> Any:
        if self.training:
            self.misbehave({type(module) for module in self.modules()})
        return self.classifier(self.body(x))

    def misbehave(self, kinds: set[type]) -> None:
        """For others to override: called before each step of training."""


class Troubled(Tiny):
    """Its process is killed once it is an XNOR net; it raises once its weights are binary; else it is well."""

    def misbehave(self, kinds: set[type]) -> None:
        if XnorConv2d in kinds:
            os.kill(os.getpid(), signal.SIGKILL)
        if BinaryWeightConv2d in kinds:
            raise RuntimeError("a bug in the user's own net")


class Interrupted(Tiny):
    """Ctrl-C comes in the second epoch of its training with few bits, as long as the file `stops` is there."""

    stops = ""

    def misbehave(self, kinds: set[type]) -> None:
        if LowBitConv2d in kinds:
            self.calls += 1
            if self.calls == 6 and os.path.exists(self.stops):
                os.kill(os.getpid(), signal.SIGINT)


class Held(Tiny):
    """Its training goes no further than the second epoch of fine-tuning while the file that HOLD names is there."""

    def misbehave(self, kinds: set[type]) -> None:
        self.calls += 1
        while self.calls > 4 + 4 and os.path.exists(os.environ.get("HOLD", "")):
            time.sleep(0.05)


class Dead(BaseException):
    """What no handler of errors may catch, as none catches a kill."""


class Killed(Interrupted):
    def misbehave(self, kinds: set[type]) -> None:
        if LowBitConv2d in kinds:
            self.calls += 1
            if self.calls == 6 and os.path.exists(self.stops):
                raise Dead


class Diverging(Tiny):
    """From its second epoch with few bits on, its logits are NaN."""

    def forward(self, x: torch.Tensor) -> Any:
        logits = super().forward(x)
        if self.training and any(isinstance(module, LowBitConv2d) for module in self.modules()):
            self.calls += 1
            if self.calls > 6:
                return logits * float("nan")
        return logits
