"""The steps of weights with few bits: those of the least squared error."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["best_steps", "highest_weight"]

# steps tried, as shares of the one that cuts nothing; few bits cut much
_TRIED = torch.linspace(0.05, 1.2, 93, dtype=torch.float64)
_ROUNDS = 20


def highest_weight(bits: int) -> int:
    """The largest whole number of a weight, and less its sign the least: 1 for ternary weights, "2 bits"."""
    return 1 if bits == 1 else int(2 ** (bits - 1) - 1)


def best_steps(weight: Tensor, highest: int) -> Tensor:
    """Δ of each filter, `(out,)` float64, with nearly the least `‖w − Δ clamp(round(w / Δ), −highest, highest)‖²`.

    From the best of a grid on, whole numbers and Δ are found in turns, each the best for the other, until they stay
    (Hwang & Sung, "Fixed-point feedforward deep neural network design using weights +1, 0 and −1", 2014; Lloyd's
    algorithm). A filter of zeros gets 1.
    """
    rows = weight.detach().double().flatten(1)
    largest = rows.abs().amax(1)
    steps = torch.where(largest > 0, largest, float(highest)) / highest
    tried = steps[:, None] * _TRIED.to(steps.device)
    errors = torch.stack([_error(rows, column, highest) for column in tried.unbind(1)], 1)
    steps = tried.gather(1, errors.argmin(1, keepdim=True))[:, 0]
    for _ in range(_ROUNDS):
        whole = _whole(rows, steps, highest)
        norm = whole.square().sum(1)
        found = torch.where(norm > 0, (whole * rows).sum(1) / norm.clamp(min=1), steps)
        if torch.equal(found, steps):
            break
        steps = found
    return torch.where(largest > 0, steps, 1.0)


def _whole(rows: Tensor, steps: Tensor, highest: int) -> Tensor:
    return (rows / steps[:, None]).round().clamp(-highest, highest)


def _error(rows: Tensor, steps: Tensor, highest: int) -> Tensor:
    return (rows - steps[:, None] * _whole(rows, steps, highest)).square().sum(1)
