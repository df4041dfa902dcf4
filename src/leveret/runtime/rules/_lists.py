"""Enumerated lists, whose members are of one kind: "Juventus, Milan and Lazio": where they stand, and what ties them.

The members' tags are tied over any distance, which a chain of neighbours can't say. But it suffices to remember the
category of the last member: with the state (tag, category remembered) the sequence is a chain again, of K (G + 1)
states for G categories, and forward–backward and Viterbi are exact on it. Each member is tied to the one before it.

Source: Hu et al., ACL 2016, section 4.2: members of one list share a category, a soft rule. There the members' tags
were sampled in turn; this is exact. Where we deviate: lists stand within a sentence, and are found by separators, and
by members that look alike. Commas and "and" part clauses more often than members; of those only the words that begin
them would be tied, most of which are in no entity, so that the rule would teach nothing but O.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from leveret.runtime.rules._program import RuleProgram

__all__ = ["categories_of", "enumerations", "lists_of", "remembering"]

_COMMAS = {",", ";", "/", "&", "·", "•", "|"}
_WORDS = {"and", "or"}
_LONGEST = 4  # words of a member
_FEWEST = 3  # members of a list
_SMALL = {"of", "the", "de", "van", "von"}  # words that names have within them


def enumerations(tokens: Sequence[str]) -> list[list[int]]:
    """The lists in a sentence, each as the places of its members' first words.

    A list has three members or more, of one to four words each, between commas and the like, the last perhaps after
    "and" or "or". The first member is the capitalised words before the first separator, or one word where it isn't
    capitalised; of the last only the first word is looked at. All members look alike: capitalised names, or words in
    small letters, numbers, @names, #tags; where one looks otherwise, the list ends or begins anew.
    """
    places = [i for i, token in enumerate(tokens) if token in _COMMAS or token.lower() in _WORDS]
    runs: list[tuple[int, int]] = []  # separators that stand side by side are one
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    found: list[list[int]] = []
    current: list[tuple[int, int]] = []
    for run in runs:
        if current and not _is_member(tokens[current[-1][1] : run[0]]):
            found += _list_of(tokens, current)
            current = []
        current.append(run)
    return found + _list_of(tokens, current)


def lists_of(program: RuleProgram, sentences: Sequence[Sequence[str]]) -> list[list[list[int]]]:
    """The lists of each sentence; none where no rule asks for them."""
    asked = any(rule.agree for rule in program.rules)
    return [enumerations(tokens) if asked else [] for tokens in sentences]


def categories_of(tags: Sequence[str]) -> NDArray[np.int64]:
    """The category of each tag, `(K,)` from 0: B-x and I-x are of one, O is one by itself."""
    names = [tag.partition("-")[2] or tag for tag in tags]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], np.int64)


def remembering(
    unary: NDArray[np.floating], pair: NDArray[np.floating], lists: Sequence[Sequence[int]],
    categories: NDArray[np.int64], cost: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """A chain that remembers the last member's category: state k + K m is tag k with memory m, 0 for none.

    Args:
        unary: `(length, K)` scores of one sequence.
        pair: `(length − 1 or 1, K, K)`.
        lists: places of members, ascending; lists that don't reach into each other.
        categories: of each tag, `(K,)`.
        cost: taken off where a member isn't of the category of the one before.

    Returns:
        The same of the larger chain: `(length, S)` and `(length − 1, S, S)`, with S = K (G + 1).
    """
    length, tags = unary.shape
    memories = int(categories.max()) + 2
    first = {members[0]: None for members in lists}
    later = {place for members in lists for place in members[1:]}
    within = np.zeros(length + 1, bool)
    for members in lists:
        within[members[0] : members[-1]] = True  # after the last member nothing is remembered
    large = np.repeat(unary[:, None, :], memories, 1).astype(np.float64)  # (length, memories, K)
    allowed = np.zeros((length, memories, tags), bool)
    for t in range(length):
        if t in first or t in later:
            # what is remembered after a member is its own category, unless it is the last
            allowed[t, categories + 1 if within[t] else 0, np.arange(tags)] = True
        elif within[t]:
            allowed[t, 1:] = True
        else:
            allowed[t, 0] = True
    large[~allowed] = -np.inf
    moves = np.full((max(length - 1, 0), memories, tags, memories, tags), -np.inf)
    for t in range(length - 1):
        step = pair[min(t, len(pair) - 1)]
        for m in range(memories):
            if t + 1 in later:
                price = np.where(categories + 1 == m, 0.0, cost)
                for k in range(tags):
                    to = categories[k] + 1 if within[t + 1] else 0
                    moves[t, m, :, to, k] = step[:, k] - price[k]
            elif t + 1 in first:
                for k in range(tags):
                    moves[t, m, :, categories[k] + 1, k] = step[:, k]
            else:
                moves[t, m, :, m if within[t + 1] else 0, :] = step
    states = memories * tags
    return large.reshape(length, states), moves.reshape(-1, states, states)


def _is_member(words: Sequence[str]) -> bool:
    return 1 <= len(words) <= _LONGEST and all(any(map(str.isalnum, word)) for word in words)


def _list_of(tokens: Sequence[str], runs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The members between and around separators, if they are enough for a list."""
    if not runs or runs[0][0] == 0 or runs[-1][1] >= len(tokens):
        return []
    start = runs[0][0] - 1
    while start > 0 and tokens[start][:1].isupper() and tokens[start - 1][:1].isupper():
        if runs[0][0] - start >= _LONGEST:
            break
        start -= 1
    if not _is_member(tokens[start : runs[0][0]]) or not _is_member(tokens[runs[-1][1] : runs[-1][1] + 1]):
        return []
    starts, stops = [start, *(stop for _, stop in runs)], [first for first, _ in runs]
    looks = [_look(tokens[a:b]) for a, b in zip(starts, [*stops, starts[-1] + 1], strict=True)]
    return [
        [place for place, _ in alike]
        for look, group in groupby(zip(starts, looks, strict=True), key=lambda member: member[1])
        if look and len(alike := list(group)) >= _FEWEST
    ]


def _look(words: Sequence[str]) -> str:
    """What a member looks like by the beginnings of its words; "" where they differ."""
    looks = {_begins(word) for i, word in enumerate(words) if i == 0 or word not in _SMALL}
    return looks.pop() if len(looks) == 1 else ""


def _begins(word: str) -> str:
    first = word[0]
    return "A" if first.isupper() else "1" if first.isdigit() else "a" if first.isalpha() else first
