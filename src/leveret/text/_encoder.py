"""`TextEncoder`: from texts to token ids, and to characters' ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.text._library import library
from leveret.text._tokenizer import Tokenizer
from leveret.text._vocabulary import UNKNOWN, Vocabulary

__all__ = ["TextEncoder"]

# what no token can be: tokens have no spaces
_PADDING_WORD, _UNKNOWN_WORD = " padding", " unknown"
_LONGEST_WORD = 40
_MOST_KEPT = 200_000  # words, and as many texts
_LONGEST_KEPT = 1000

Texts = Sequence[str] | Sequence[Sequence[str]]


class TextEncoder:
    """Splits texts and numbers their tokens; made from the training part, kept in a packed model's file.

    Args:
        vocabulary: of tokens as `tokenizer` looks them up.
        tokenizer: how texts are split.
        characters: of nets that read words letter by letter; None for others.

    Example:
        >>> encoder = TextEncoder.learn(["a fine film .", "dull"])
        >>> ids, lengths = encoder.encode(["a dull thing"])
        >>> ids.tolist(), lengths.tolist()
        ([2, 6, 1], [3])
    """

    def __init__(
        self, vocabulary: Vocabulary, tokenizer: Tokenizer | None = None, characters: Vocabulary | None = None
    ) -> None:
        self.vocabulary = vocabulary
        self.tokenizer = tokenizer or Tokenizer()
        self.characters = characters
        self._made: Any = None
        self._letters: dict[str, list[int]] = {}
        self._seen: dict[str, list[int]] = {}

    @staticmethod
    def learn(
        texts: Texts,
        *,
        min_count: int = 1,
        max_size: int | None = None,
        tokenizer: Tokenizer | None = None,
        characters: bool = False,
    ) -> TextEncoder:
        """An encoder for such texts, or lists of tokens.

        Args:
            texts: of the training part alone: words of others must stay unknown.
            min_count, max_size: of the vocabulary, see `Vocabulary.learn`.
            tokenizer: default: `Tokenizer.suited`; where `texts` are tokens, which were split by others, by "words".
            characters: number the characters of words too.

        Raises:
            LeveretUsageError: an argument out of range, or no text has a token.
        """
        split = _are_texts(texts)
        if tokenizer is None:
            tokenizer = Tokenizer.suited(texts) if split else Tokenizer()  # type: ignore[arg-type]
        sentences = [tokenizer.tokens(text) for text in texts] if split else texts  # type: ignore[arg-type]
        looked_up = tokenizer.looked_up(list(dict.fromkeys(chain.from_iterable(sentences))))
        if not looked_up:
            raise LeveretUsageError("no text has a token: there is no word to learn")
        of = dict(zip(dict.fromkeys(chain.from_iterable(sentences)), looked_up, strict=True))
        words = Vocabulary.learn(
            ([of[token] for token in sentence] for sentence in sentences), min_count=min_count, max_size=max_size
        )
        letters = Vocabulary.learn(chain.from_iterable(sentences)) if characters else None
        return TextEncoder(words, tokenizer, letters)

    def extended(self, words: Iterable[str]) -> TextEncoder:
        """With more words known, such as all that have a vector."""
        return TextEncoder(self.vocabulary.extended(words), self.tokenizer, self.characters)

    def tokens(self, texts: Texts) -> list[list[str]]:
        """The tokens of each text as they stand; lists of tokens are given back."""
        if _are_texts(texts):
            return [self.tokenizer.tokens(text) for text in texts]  # type: ignore[arg-type]
        return [list(sentence) for sentence in texts]

    def encode(self, texts: Texts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids of all tokens, one text after the other, `(tokens,)`, and how many each text has, `(texts,)`.

        Args:
            texts: texts, or lists of tokens.

        Raises:
            LeveretUsageError: something else.
        """
        if _are_texts(texts):
            ids = self._of_texts(texts)  # type: ignore[arg-type]
        else:
            # one by one: their words are looked up as they are
            words = list(dict.fromkeys(chain.from_iterable(texts)))
            known = dict(zip(words, map(self.vocabulary.__getitem__, self.tokenizer.looked_up(words)), strict=True))
            ids = [[known[token] for token in sentence] for sentence in texts]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        return np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum())), lengths

    def letters(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids of all characters, one word after the other, `(characters,)`, and how many each word has, `(words,)`.

        Of words of more than 40 characters the first and the last 20 count.
        """
        assert self.characters is not None
        found = []
        for word in words:
            ids = self._letters.get(word)
            if ids is None:
                ids = self._spell(word)
                if len(self._letters) < _MOST_KEPT:
                    self._letters[word] = ids
            found.append(ids)
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        return np.fromiter(chain.from_iterable(found), np.int64, int(lengths.sum())), lengths

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values, for a file."""
        described: dict[str, Any] = {"tokenizer": self.tokenizer.as_dict(), "words": list(self.vocabulary.words)}
        if self.characters is not None:
            described["characters"] = list(self.characters.words)
        return described

    @staticmethod
    def from_dict(value: Any) -> TextEncoder:
        """The encoder of `as_dict`.

        Raises:
            LeveretFormatError: says which entry is wrong.
        """
        if not isinstance(value, Mapping) or not value.keys() <= {"tokenizer", "words", "characters"}:
            raise LeveretFormatError("a text encoder must be an object of tokenizer, words and perhaps characters")
        settings, words = value.get("tokenizer"), value.get("words")
        if not isinstance(settings, Mapping) or settings.keys() != {"split", "lowercase"}:
            raise LeveretFormatError("a text encoder's tokenizer must be an object of split and lowercase")
        characters = value.get("characters")
        for name, row in (("words", words), ("characters", characters if "characters" in value else [])):
            if not isinstance(row, list):
                raise LeveretFormatError(f"a text encoder's {name} must be a list, got {type(row).__name__}")
        try:
            letters = None if characters is None else Vocabulary(characters)
            return TextEncoder(Vocabulary(words), Tokenizer(**settings), letters)  # type: ignore[arg-type]
        except LeveretUsageError as error:
            raise LeveretFormatError(f"the text encoder: {error}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextEncoder) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.vocabulary, self.tokenizer, self.characters))

    def __getstate__(self) -> dict[str, Any]:
        # what is made from the rest is made again where it is needed
        return {**self.__dict__, "_made": None, "_letters": {}, "_seen": {}}

    def __repr__(self) -> str:
        letters = "" if self.characters is None else f", {len(self.characters.words)} characters"
        return f"TextEncoder({len(self.vocabulary.words):,} words{letters}, {self.tokenizer})"

    def _spell(self, word: str) -> list[int]:
        assert self.characters is not None
        if len(word) > _LONGEST_WORD:
            word = word[: _LONGEST_WORD // 2] + word[-_LONGEST_WORD // 2 :]
        return [self.characters[character] for character in word]

    def _of_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text. Training shows texts again and again: those seen are kept, as far as they are few."""
        found = [self._seen.get(text) for text in texts]
        new = [text for text, ids in zip(texts, found, strict=True) if ids is None]
        if not new:
            return found  # type: ignore[return-value]
        encoded = iter([one.ids for one in self._pipeline().encode_batch_fast(new, add_special_tokens=False)])
        result = []
        for text, ids in zip(texts, found, strict=True):
            if ids is None:
                ids = next(encoded)
                if len(self._seen) < _MOST_KEPT and len(ids) < _LONGEST_KEPT:
                    self._seen[text] = ids
            result.append(ids)
        return result

    def _pipeline(self) -> Any:
        if self._made is None:
            ids = {_PADDING_WORD: 0, _UNKNOWN_WORD: UNKNOWN}
            ids |= {word: self.vocabulary[word] for word in self.vocabulary}
            self._made = self.tokenizer.pipeline(library().models.WordLevel(ids, _UNKNOWN_WORD))
        return self._made


def _are_texts(texts: Any) -> bool:
    """Whether they are texts, rather than lists of tokens.

    Raises:
        LeveretUsageError: they are neither.
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise LeveretUsageError(f"this takes a list of texts, or of lists of tokens; got {type(texts).__name__}")
    if all(isinstance(text, str) for text in texts):
        return True
    for i, tokens in enumerate(texts):
        if isinstance(tokens, str) or not isinstance(tokens, Sequence):
            raise LeveretUsageError(
                f"this takes a list of texts, or of lists of tokens; item {i} is {type(tokens).__name__}"
            )
        for token in tokens:
            if not isinstance(token, str):
                raise LeveretUsageError(f"tokens must be texts, got {token!r} in item {i}")
    return False
