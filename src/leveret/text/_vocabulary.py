"""`Vocabulary`: words and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from leveret.errors import LeveretUsageError

__all__ = ["PADDING", "UNKNOWN", "Vocabulary"]

PADDING, UNKNOWN = 0, 1
_FIRST = 2


class Vocabulary:
    """Words numbered from 2; 0 is padding, 1 any word that isn't known.

    Args:
        words: each once, in the order of their numbers.

    Raises:
        LeveretUsageError: a word twice, or one that is empty or no text.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self._ids: dict[str, int] = {}
        for i, word in enumerate(self.words, _FIRST):
            if not isinstance(word, str) or not word:
                raise LeveretUsageError(f"word {i - _FIRST} of a vocabulary must be a text that isn't empty: {word!r}")
            if self._ids.setdefault(word, i) != i:
                raise LeveretUsageError(f"{word!r} stands in the vocabulary twice")

    @staticmethod
    def learn(sentences: Iterable[Sequence[str]], *, min_count: int = 1, max_size: int | None = None) -> Vocabulary:
        """The words of some sentences, the most frequent first, of equals the one that came first.

        Args:
            sentences: lists of tokens; or words, whose characters are counted then.
            min_count: leave out words that are rarer.
            max_size: keep so many at most.

        Raises:
            LeveretUsageError: an argument out of range.
        """
        if min_count < 1:
            raise LeveretUsageError(f"min_count must be at least 1, got {min_count}")
        if max_size is not None and max_size < 1:
            raise LeveretUsageError(f"max_size must be at least 1, or None, got {max_size}")
        counts: Counter[str] = Counter()
        for sentence in sentences:
            counts.update(sentence)
        kept = [word for word, count in counts.most_common(max_size) if count >= min_count]
        return Vocabulary(kept)

    def extended(self, words: Iterable[str]) -> Vocabulary:
        """With more words behind, of which those that are known are left out."""
        more = dict.fromkeys(word for word in words if word and word not in self._ids)
        return Vocabulary((*self.words, *more))

    def __len__(self) -> int:
        """How many ids there are, padding and unknown included."""
        return len(self.words) + _FIRST

    def __getitem__(self, word: str) -> int:
        """The word's id; `UNKNOWN` for one that isn't known."""
        return self._ids.get(word, UNKNOWN)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.words):,} words)"
