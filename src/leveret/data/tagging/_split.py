"""Parts of sentences with tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leveret.text import spans

__all__ = ["SentenceSource", "TagSplit"]

UNLABELLED = -100


class SentenceSource:
    """Sentences, kept small: each different word once, and of each token the number of its word.

    Args:
        tokens: of each sentence.
        tags: numbers of each sentence's tags, as many; −100 for none.
        where: names each in messages.
    """

    def __init__(self, tokens: Sequence[Sequence[str]], tags: Sequence[Sequence[int]], where: Sequence[str]) -> None:
        numbers: dict[str, int] = {}
        ids = (numbers.setdefault(token, len(numbers)) for sentence in tokens for token in sentence)
        self._ids = np.fromiter(ids, np.int32)
        self._words = np.array([*numbers, ""], object)
        self._tags = np.fromiter(chain.from_iterable(tags), np.int16)
        self._ends = np.cumsum([0, *map(len, tokens)])
        self.where = where

    def lengths(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens of each sentence."""
        return self._ends[places + 1] - self._ends[places]

    def fetch(self, places: NDArray[np.int64]) -> list[list[str]]:
        """The sentences' tokens."""
        return [self._words[self._ids[self._ends[i] : self._ends[i + 1]]].tolist() for i in places]

    def tags(self, places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The sentences' tags, `(tokens,)` each."""
        return [self._tags[self._ends[i] : self._ends[i + 1]].astype(np.int64) for i in places]


class TagSplit:
    """One part of sentences with tags.

    Attributes:
        name: "train", "val" or "test".
        classes: the tags' names.
    """

    def __init__(self, name: str, source: SentenceSource, places: NDArray[np.int64], classes: tuple[str, ...]) -> None:
        self.name = name
        self.classes = classes
        self._source = source
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def num_classes(self) -> int:
        """How many tags there are."""
        return len(self.classes)

    @property
    def places(self) -> NDArray[np.int64]:
        """Where the sentences stand in the source, `(n,)`."""
        return self._places

    @property
    def where(self) -> list[str]:
        """What names each sentence in messages and reports."""
        return [self._source.where[place] for place in self._places.tolist()]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sentence, `(n,)`."""
        return self._source.lengths(self._places)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which sentences have tags, `(n,)`."""
        return np.array([bool((tags >= 0).all()) for tags in self.labels], bool)

    @property
    def labels(self) -> list[NDArray[np.int64]]:
        """Of each sentence its tags, `(tokens,)` int64 from 0; −100 where a training sentence has none."""
        return self._source.tags(self._places)

    def fetch(self, indices: ArrayLike) -> list[list[str]]:
        """The tokens of the sentences at `indices`."""
        return self._source.fetch(self._places[np.asarray(indices, dtype=np.int64)])

    def fetch_tagged(self, indices: ArrayLike) -> tuple[list[list[str]], NDArray[np.int64]]:
        """The same with their tags, `(n, longest)` int64, −100 behind a sentence's end."""
        places = self._places[np.asarray(indices, dtype=np.int64)]
        lengths = self._source.lengths(places)
        labels = np.full((len(places), int(lengths.max(initial=0))), UNLABELLED, np.int64)
        tags = self._source.tags(places)
        if tags:
            labels[np.arange(labels.shape[1]) < lengths[:, None]] = np.concatenate(tags)
        return self._source.fetch(places), labels

    def names(self, index: int) -> list[str]:
        """The names of one sentence's tags; none where it has no tags."""
        (tags,) = self._source.tags(self._places[[index]])
        return [self.classes[tag] for tag in tags if tag >= 0]

    def subset(self, indices: ArrayLike) -> TagSplit:
        """A split of only the sentences at `indices`, in that order; nothing is copied."""
        chosen = np.asarray(indices)
        if chosen.dtype != bool:
            chosen = chosen.astype(np.int64)
        return TagSplit(self.name, self._source, self._places[chosen], self.classes)

    def class_counts(self) -> NDArray[np.int64]:
        """Tokens of each tag, `(num_classes,)`."""
        tags = [own[own >= 0] for own in self.labels]
        return np.bincount(np.concatenate(tags) if tags else np.empty(0, np.int64), minlength=self.num_classes)

    def entity_counts(self) -> dict[str, int]:
        """Entities of each type."""
        counts = Counter(span.type for i in range(len(self)) for span in spans(self.names(i)))
        types = dict.fromkeys(name.partition("-")[2] for name in self.classes if name != "O")
        return {kind: counts[kind] for kind in types}

    def __repr__(self) -> str:
        return f"TagSplit({self.name!r}, {len(self)} sentences, {self.num_classes} tags)"
