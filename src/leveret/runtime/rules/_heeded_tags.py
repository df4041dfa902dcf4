"""q of a packed tagger: its best tags with the rules that its file carries, by numpy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime.rules._chain_costs import pads_of
from leveret.runtime.rules._chain_posterior import chain_best
from leveret.runtime.rules._facts import Facts
from leveret.runtime.rules._lists import lists_of
from leveret.runtime.rules._program import RuleProgram

__all__ = ["heeded_tags"]

_AT_ONCE = 64  # pairs of tags at each place of all sentences at once would fill the memory
Floats = NDArray[np.floating]


def heeded_tags(
    program: RuleProgram,
    emissions: Sequence[Floats],
    chain: tuple[Floats, Floats, Floats],
    sentences: Sequence[Sequence[str]],
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> list[NDArray[np.int64]]:
    """q's best tags of each sentence, `(tokens,)` each: no hard rule is ever broken.

    Where hard rules leave a sentence no tags at all, they are left out of account for it.

    Args:
        program: the rules, `Packed.rules`.
        emissions: the model's, of each sentence `(tokens, K)`.
        chain: scores of the first tag `(K,)`, of neighbours `(K, K)` and of the last `(K,)`.
        sentences: their tokens.
        columns: what else is known of them, a value a sentence; rules are silent on what isn't.

    Raises:
        LeveretUsageError: rules of one label; not as many tokens as emissions, or another number of tags.
    """
    if not program.tags:
        raise LeveretUsageError("these rules are of one label, see leveret.runtime.rules.heeded")
    for i, (own, tokens) in enumerate(zip(emissions, sentences, strict=True)):
        if own.shape != (shape := (len(tokens), len(program.classes))):
            raise LeveretUsageError(f"emissions of sentence {i} must be (tokens, tags), {shape}; got {own.shape}")
    facts = Facts(len(sentences), None, sentences, dict(columns or {}))
    return tags_by(program, emissions, chain, program.token_evidence(facts), lists_of(program, sentences))


def tags_by(
    program: RuleProgram,
    emissions: Sequence[Floats],
    chain: tuple[Floats, Floats, Floats],
    evidence: Sequence[NDArray[np.float32]],
    lists: Sequence[Sequence[Sequence[int]]],
) -> list[NDArray[np.int64]]:
    """The same by evidence `(tokens, evidence)` of each sentence, and its lists."""
    start, transitions, end = chain
    found: list[NDArray[np.int64]] = []
    for begin in range(0, len(emissions), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        lengths = np.array([len(own) for own in emissions[part]])
        unary = np.zeros((len(lengths), int(lengths.max()), len(start)))
        for row, own in zip(unary, emissions[part], strict=True):
            if len(own):
                row[: len(own)] = own
                row[0] += start
                row[len(own) - 1] += end
        padded = pads_of(evidence[part], len(program.evidence))
        paths = chain_best(program, unary, transitions[None, None], lengths, padded, lists[part])
        found += [path[:n] for path, n in zip(paths, lengths.tolist(), strict=True)]
    return found
