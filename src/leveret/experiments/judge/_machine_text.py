"""Texts by a machine: chains that draw each word by the few before it, as often as people wrote it there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

__all__ = ["chain"]

_START, _END = "\x02", "\x03"
_LONGEST = 60


def chain(texts: Sequence[str], memory: int, count: int, seed: int) -> list[str]:
    """So many texts by a chain that knows `memory` words back; 0 draws each word by its frequency alone.

    Lengths are drawn from those of the texts with `memory` 0, and come of themselves with more.
    """
    generator = np.random.default_rng(seed)
    split = [text.split() for text in texts]
    after: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for words in split:
        padded = [_START] * memory + words + [_END]
        for i in range(memory, len(padded)):
            after[tuple(padded[i - memory : i])].append(padded[i])
    if not memory:
        every = [word for words in split for word in words]
        lengths = [len(words) for words in split]
        return [
            " ".join(every[i] for i in generator.integers(len(every), size=lengths[generator.integers(len(lengths))]))
            for _ in range(count)
        ]
    made: list[str] = []
    while len(made) < count:
        words = [_START] * memory
        while words[-1] != _END and len(words) < _LONGEST + memory:
            choices = after[tuple(words[-memory:])]
            words.append(choices[generator.integers(len(choices))])
        text = " ".join(word for word in words if word not in (_START, _END))
        if text:
            made.append(text)
    return made
