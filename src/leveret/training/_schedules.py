"""Learning-rate schedules by name, each a function of the step alone.

So a checkpoint holds no more of a schedule than the step it is at, and a run that resumes with more epochs than it was
begun with takes the longer run's rates from there on.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from leveret.errors import LeveretUsageError

__all__ = ["ScheduleName", "make_schedule"]

ScheduleName = Literal["constant", "cosine", "one-cycle"]

_FIRST = 1 / 25  # of the peak, where one-cycle begins, as in torch's OneCycleLR
_LAST = 1e-4  # of that, where it ends


def make_schedule(optimizer: Optimizer, schedule: ScheduleName, steps: int, warmup: float) -> LambdaLR:
    """A schedule stepped once a batch, over `steps` batches.

    Args:
        schedule: "constant"; "cosine" (down to 0 along half a cosine; Loshchilov & Hutter, 2017, eq. 5, no restarts);
            "one-cycle" (linearly up, then linearly down to nearly 0; Smith & Topin, 2018).
        warmup: share of the steps, in [0, 1), in which the rate rises linearly to its peak.
    """
    if not 0 <= warmup < 1:
        raise LeveretUsageError(f"warmup must be in [0, 1), a share of the run, got {warmup}")
    steps = max(steps, 1)
    if schedule == "one-cycle":
        # a step on either side of the peak
        peak = min(max(warmup, 1 / steps), steps / (steps + 1)) * (steps + 1) - 1

        def share(step: int) -> float:
            if step < peak:
                return _FIRST + (1 - _FIRST) * step / peak
            gone = min((step - peak) / (steps - peak), 1.0)
            return 1 + (_FIRST * _LAST - 1) * gone

        return _ByStep(optimizer, share)
    if schedule not in ("constant", "cosine"):
        raise LeveretUsageError(f"schedule must be 'constant', 'cosine' or 'one-cycle', got {schedule!r}")
    rising = round(warmup * steps)
    falling = max(steps - rising, 1)

    def warmed(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        if schedule == "constant":
            return 1.0
        return (1 + math.cos(math.pi * min((step - rising) / falling, 1.0))) / 2

    return _ByStep(optimizer, warmed)


class _ByStep(LambdaLR):
    """Sets the rates when it is loaded, which an optimiser's state has as the run before had them."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        groups = zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True)
        for group, peak, share in groups:
            group["lr"] = peak * share(self.last_epoch)
