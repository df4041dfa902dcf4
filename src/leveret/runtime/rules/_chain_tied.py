"""Forward and backward of one sequence with enumerated lists, scaled as in `_chain_scaled`.

Between the first and the last member of a list the state is (category of the last member, tag); elsewhere the tag
alone. From one place to the next the category stays, so that a step is a product of `(G, K)` by `(K, K)`; at a member
the categories are summed up, each at its price, and the tag's own takes their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._chain import marginals
from leveret.runtime.rules._chain_scaled import SMALLEST, without_maximum
from leveret.runtime.rules._lists import remembering

__all__ = ["Tied", "tied"]

Floats = NDArray[np.float64]


class Tied(NamedTuple):
    """What the distribution over one sequence's tags comes to.

    Attributes:
        log_z: log Z.
        tags: `(n, K)`.
        pairs: `(n − 1, K, K)`.
        apart: the expected number of members that aren't of the category of the one before.
    """

    log_z: float
    tags: Floats
    pairs: Floats
    apart: float


def tied(
    unary: Floats, pair: Floats, lists: Sequence[Sequence[int]], categories: NDArray[np.int64], cost: float
) -> Tied:
    """Exactly; arguments as of `remembering`."""
    found = _scaled(unary, pair, lists, categories, cost)
    return _in_logs(unary, pair, lists, categories, cost) if found is None else found


def _scaled(unary: Floats, pair: Floats, lists: Any, categories: NDArray[np.int64], cost: float) -> Tied | None:
    """None where numbers get too small for it."""
    n, tags = unary.shape
    emitted, tops = without_maximum(unary, 1)
    moved, pair_tops = without_maximum(pair, (1, 2))
    steps = [moved[min(t, len(moved) - 1)] for t in range(n - 1)]
    own = np.eye(int(categories.max()) + 1)[:, categories]  # (G, K): of which category a tag is
    price = own + (1 - own) * np.exp(-cost)
    later = {place for members in lists for place in members[1:]}
    goes_on = {place for members in lists for place in members[:-1]}
    alpha: list[Floats] = []
    logs = 0.0
    for t in range(n):
        into = alpha[-1] @ steps[t - 1] if t else np.ones((1, tags))
        if t in later:
            into = (into * price).sum(0, keepdims=True)
        now = into * emitted[t]
        if t in goes_on:
            now = own * now
        total = now.sum()
        if not total > 0:
            return None
        logs += float(np.log(total))
        alpha.append(now / total)
    if logs < SMALLEST:
        return None
    beta = np.ones((1, tags))
    of_tags, of_pairs, apart = np.empty((n, tags)), np.empty((n - 1, tags, tags)), 0.0
    for t in range(n - 1, -1, -1):
        whole = alpha[t] * beta
        scale = whole.sum()
        of_tags[t] = whole.sum(0) / scale
        if not t:
            break
        after = emitted[t] * ((own * beta).sum(0, keepdims=True) if t in goes_on else beta)
        if t in later:
            after = price * after
            reached = (alpha[t - 1] @ steps[t - 1]) * after
            apart += float((reached * (1 - own)).sum() / reached.sum())
        both = steps[t - 1] * (alpha[t - 1].T @ np.broadcast_to(after, alpha[t - 1].shape))
        of_pairs[t - 1] = both / both.sum()
        beta = np.broadcast_to(after, alpha[t - 1].shape) @ steps[t - 1].T
        beta = beta / beta.max()
    tops_of_steps = np.broadcast_to(pair_tops, (n - 1,)) if len(pair_tops) == 1 else pair_tops[: n - 1]
    return Tied(logs + float(tops.sum() + tops_of_steps.sum()), of_tags, of_pairs, apart)


def _in_logs(unary: Floats, pair: Floats, lists: Any, categories: NDArray[np.int64], cost: float) -> Tied:
    """By the larger chain of `remembering`."""
    n, tags = unary.shape
    large, moves = remembering(unary, pair, lists, categories, cost)
    found = marginals(large[None], moves[None], np.array([n]))
    memories = large.shape[1] // tags
    pairs = found.pairs[0].reshape(n - 1, memories, tags, memories, tags)
    apart = np.arange(memories)[:, None] != categories + 1
    places = [place - 1 for members in lists for place in members[1:]]
    reached = pairs[places].sum((0, 2, 3))  # (memories, K): what was remembered, and the tag there
    of_tags = found.tags[0].reshape(n, memories, tags).sum(1)
    return Tied(float(found.log_z[0]), of_tags, pairs.sum((1, 3)), float((reached * apart).sum()))
