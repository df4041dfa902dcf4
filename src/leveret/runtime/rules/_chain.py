"""Sequences: the distribution of whole tag sequences, exactly, by dynamic programming.

A sequence y of tags has the score s(y) = Σ_t u[t, y_t] + Σ_t v[t, y_t, y_{t+1}], and the probability exp(s(y)) / Z.
Scores of −∞ are allowed and exact: what they forbid has no probability, and no best sequence goes there.

    forward    α[t, j] = u[t, j] + log Σ_i exp(α[t−1, i] + v[t−1, i, j])
    backward   β[t, i] = log Σ_j exp(v[t, i, j] + u[t+1, j] + β[t+1, j])

so that log Z = log Σ_j exp α[n−1, j], a tag's probability at a place is exp(α + β − log Z), and Viterbi's best sequence
follows from α with max in the place of the sum. Where numbers allow it, all of it runs in probabilities, which is much
quicker: `_chain_scaled`.

Source: Rabiner, "A tutorial on hidden Markov models", 1989, sections III.A and III.B; as q of rules: Hu et al., ACL
2016, section 3.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._arrays import log_sum_exp
from leveret.runtime.rules._chain_scaled import scaled

__all__ = ["Marginals", "best_paths", "marginals", "scored_paths"]

Floats = NDArray[np.float64]


class Marginals(NamedTuple):
    """What a distribution over sequences comes to.

    Attributes:
        log_z: `(batch,)`; −∞ where no sequence is allowed.
        tags: `(batch, longest, K)`, each tag's probability at each place; 0 behind a sequence's end, and everywhere
            where no sequence is allowed.
        pairs: `(batch, longest − 1, K, K)`, of tag i at a place and tag j at the next.
    """

    log_z: Floats
    tags: Floats
    pairs: Floats


def marginals(unary: Any, pair: Any, lengths: Any) -> Marginals:
    """Forward and backward, in float64.

    Args:
        unary: u, `(batch, longest, K)`.
        pair: v, `(batch or 1, longest − 1 or 1, K, K)`.
        lengths: `(batch,)` integers, 0 to `longest`.
    """
    unary, pair = (np.asarray(values, np.float64) for values in (unary, pair))
    lengths = np.asarray(lengths, np.int64)
    batch, longest, tags = unary.shape
    if longest == 0:
        return Marginals(np.zeros(batch), np.zeros((batch, 0, tags)), np.zeros((batch, 0, tags, tags)))
    *found, exact = scaled(unary, pair, lengths)
    if len(rows := np.flatnonzero(~exact)):
        slowly = _in_logs(unary[rows], pair if len(pair) == 1 else pair[rows], lengths[rows])
        for whole, part in zip(found, slowly, strict=True):
            whole[rows] = part
    return Marginals(*found)


def _in_logs(unary: Floats, pair: Floats, lengths: NDArray[np.int64]) -> Marginals:
    batch, longest, tags = unary.shape
    alpha = _forward(unary, pair, lengths)
    beta = _backward(unary, pair, lengths)
    log_z = log_sum_exp(alpha[:, -1], 1)
    known = np.where(np.isfinite(log_z), log_z, 0.0)
    there = np.arange(longest)[None] < lengths[:, None]
    found = np.exp(alpha + beta - known[:, None, None]) * there[:, :, None]
    if longest == 1:
        return Marginals(log_z, found, np.zeros((batch, 0, tags, tags)))
    after = (unary + beta)[:, 1:, None, :]
    pairs = np.exp(alpha[:, :-1, :, None] + pair + after - known[:, None, None, None])
    return Marginals(log_z, found, pairs * there[:, 1:, None, None])


def best_paths(unary: Any, pair: Any, lengths: Any) -> NDArray[np.int64]:
    """The best sequence of each, `(batch, longest)`, −100 behind its end; of equals the first (Viterbi).

    Where no sequence is allowed it is made of tag 0.
    """
    return scored_paths(unary, pair, lengths)[0]


def scored_paths(unary: Any, pair: Any, lengths: Any) -> tuple[NDArray[np.int64], Floats]:
    """`best_paths`, and their scores `(batch,)`: −∞ where no sequence is allowed, 0 of an empty one."""
    unary, pair, lengths = (np.asarray(values) for values in (unary, pair, lengths))
    batch, longest, _ = unary.shape
    paths = np.full((batch, longest), -100, np.int64)
    if longest == 0:
        return paths, np.zeros(batch)
    best, back = unary[:, 0], np.zeros(unary.shape, np.int64)
    for t in range(1, longest):
        scores = best[:, :, None] + _at(pair, t - 1)
        back[:, t] = scores.argmax(1)
        best = np.where((lengths > t)[:, None], scores.max(1) + unary[:, t], best)
    tag, rows = best.argmax(1), np.arange(batch)
    for t in range(longest - 1, -1, -1):
        if t + 1 < longest:
            tag = np.where(lengths > t + 1, back[rows, t + 1, tag], tag)
        paths[:, t] = np.where(lengths > t, tag, -100)
    return paths, np.where(lengths > 0, best.max(1), 0.0)


def _forward(unary: Floats, pair: Floats, lengths: NDArray[np.int64]) -> Floats:
    """α, `(batch, longest, K)`; behind a sequence's end what it was there."""
    steps = [unary[:, 0]]
    for t in range(1, unary.shape[1]):
        after = log_sum_exp(steps[-1][:, :, None] + _at(pair, t - 1), 1) + unary[:, t]
        steps.append(np.where((lengths > t)[:, None], after, steps[-1]))
    return np.stack(steps, 1)


def _backward(unary: Floats, pair: Floats, lengths: NDArray[np.int64]) -> Floats:
    """β, `(batch, longest, K)`; 0 from a sequence's last place on."""
    nothing = np.zeros(unary[:, 0].shape)
    steps = [nothing]
    for t in range(unary.shape[1] - 2, -1, -1):
        before = log_sum_exp(_at(pair, t) + (unary[:, t + 1] + steps[-1])[:, None, :], 2)
        steps.append(np.where((lengths > t + 1)[:, None], before, nothing))
    return np.stack(steps[::-1], 1)


def _at(pair: Any, t: int) -> Any:
    return pair[:, min(t, pair.shape[1] - 1)]
