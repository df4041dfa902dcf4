"""LSTMs over many sequences at once, and the best path through a chain, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.routes._sequence import starts_of

__all__ = ["best_paths", "last_of", "lstm"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def lstm(entering: Floats, lengths: Ints, recurrent: Floats, *, backward: bool = False) -> Floats:
    """The states of an LSTM at each place, `(places, units)`.

        i, f, g, o = entering + h W_hᵀ;   c ← σ(f) c + σ(i) tanh(g);   h ← σ(o) tanh(c)

    Args:
        entering: `(places, 4 units)`: what enters, times its weights, biases included; sequences one after the other.
        lengths: `(n,)`.
        recurrent: W_h, `(4 units, units)`.
        backward: read each sequence from its end.
    """
    units = recurrent.shape[1]
    weight = np.ascontiguousarray(recurrent.T)
    # the longest first: those that still run stand in front
    order = np.argsort(-lengths, kind="stable")
    counts, begins = lengths[order], starts_of(lengths)[order]
    states = np.empty((len(entering), units), np.float32)
    h = np.zeros((len(lengths), units), np.float32)
    c = np.zeros_like(h)
    running = len(lengths)
    for t in range(int(counts[0]) if len(counts) else 0):
        while running and counts[running - 1] <= t:
            running -= 1
        places = begins[:running] + (counts[:running] - 1 - t if backward else t)
        gates = entering[places] + h[:running] @ weight
        rest = _sigmoid(np.delete(gates.reshape(running, 4, units), 2, axis=1))
        c[:running] = rest[:, 1] * c[:running] + rest[:, 0] * np.tanh(gates[:, 2 * units : 3 * units])
        h[:running] = rest[:, 2] * np.tanh(c[:running])
        states[places] = h[:running]
    return states


def last_of(states: Floats, lengths: Ints, *, backward: bool = False) -> Floats:
    """The state in which each sequence ended, `(n, units)`; zeros of one without a place."""
    found = np.zeros((len(lengths), states.shape[1]), np.float32)
    there = lengths > 0
    places = starts_of(lengths)[there] + (0 if backward else lengths[there] - 1)
    found[there] = states[places]
    return found


def best_paths(emissions: Floats, lengths: Ints, start: Floats, transitions: Floats, end: Floats) -> list[Ints]:
    """The best tags of each sequence (Viterbi; of equals the first), `(tokens,)` int64 each.

    Args:
        emissions: `(places, K)`, of sequences one after the other.
        lengths: `(n,)`.
        start, end: `(K,)`.
        transitions: `(K, K)`, from the row's to the column's.
    """
    order = np.argsort(-lengths, kind="stable")
    counts, begins = lengths[order], starts_of(lengths)[order]
    longest = int(counts[0]) if len(counts) else 0
    back = np.zeros((longest, len(lengths), len(start)), np.int32)
    best = np.zeros((len(lengths), len(start)), np.float32)
    for t in range(longest):
        running = int((counts > t).sum())
        own = emissions[begins[:running] + t]
        if t == 0:
            best[:running] = start + own
            continue
        scores = best[:running, :, None] + transitions
        back[t, :running] = scores.argmax(1)
        best[:running] = scores.max(1) + own
    tags = (best + end).argmax(1)
    paths = [np.empty(int(n), np.int64) for n in lengths]
    for row, sequence in enumerate(order.tolist()):
        tag, path = int(tags[row]), paths[sequence]
        for t in range(len(path) - 1, -1, -1):
            path[t] = tag
            tag = int(back[t, row, tag])
    return paths


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * x))
