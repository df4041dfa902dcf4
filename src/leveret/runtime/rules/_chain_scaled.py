"""Forward and backward in probabilities rather than logarithms, scaled place by place: the same, many times as quick.

Each place's forward probabilities are divided by their sum c, whose logarithms make up log Z (Rabiner, 1989, section
V.A), so that a step is a product of matrices and nothing else. What has less than e^-700 of a place's probability is
lost. That matters only if all else is forbidden later; so where the product of the c gets that small, or 0, the
result isn't to be trusted, and the caller goes by logarithms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST", "scaled", "without_maximum"]

SMALLEST = -500.0  # of log Π c
Floats = NDArray[np.float64]


def scaled(unary: Floats, pair: Floats, lengths: NDArray[np.int64]) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """log Z `(batch,)`, probabilities of tags and of pairs, see `marginals`; and for which sequences they are exact.

    Args:
        unary: `(batch, longest, K)`, −∞ for what is forbidden; `longest` at least 1.
        pair: `(batch or 1, longest − 1 or 1, K, K)`.
        lengths: `(batch,)`.
    """
    batch, longest, tags = unary.shape
    emitted, tops = without_maximum(unary, 2)
    moved, pair_tops = without_maximum(pair, (2, 3))
    there = np.arange(longest) < lengths[:, None]
    alpha, sums = np.zeros(unary.shape), np.ones((batch, longest))
    alpha[:, 0] = emitted[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        for t in range(longest):
            if t:
                alpha[:, t] = _step(alpha[:, t - 1], _at(moved, t - 1)) * emitted[:, t]
            sums[:, t] = np.where(there[:, t], alpha[:, t].sum(1), 1.0)
            alpha[:, t] = np.where(there[:, t, None], alpha[:, t] / sums[:, t, None], alpha[:, max(t - 1, 0)])
        logs = np.log(sums)
        beta = np.ones(unary.shape)
        # what comes after a place, by the tag at the next: (batch, longest − 1, K)
        after = np.empty((batch, longest - 1, tags))
        for t in range(longest - 2, -1, -1):
            after[:, t] = emitted[:, t + 1] * beta[:, t + 1] / sums[:, t + 1, None]
            before = _step(after[:, t], _at(moved, t).swapaxes(1, 2))
            beta[:, t] = np.where(there[:, t + 1, None], before, 1.0)
        pairs = alpha[:, :-1, :, None] * moved * after[:, :, None]
    pairs *= there[:, 1:, None, None]
    steps = np.broadcast_to(pair_tops, (batch, longest - 1)) * there[:, 1:]
    log_z = (logs + tops * there).sum(1) + steps.sum(1)
    exact = (logs.sum(1) > SMALLEST) & np.isfinite(beta).all((1, 2))
    return log_z, alpha * beta * there[:, :, None], pairs, exact


def without_maximum(values: Floats, axes: Any) -> tuple[Floats, Floats]:
    """exp(v − max v) along axes, and the maxima, without those axes; 0 in the place of an infinite one."""
    top = values.max(axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    return np.exp(values - top), top.squeeze(axes)


def _step(rows: Floats, moves: Floats) -> Floats:
    """Each of `(batch, K)` by its own of `(batch, K, K)`, or all by the one of `(1, K, K)`."""
    return rows @ moves[0] if len(moves) == 1 else (rows[:, None] @ moves)[:, 0]


def _at(pair: Floats, t: int) -> Floats:
    return pair[:, min(t, pair.shape[1] - 1)]
