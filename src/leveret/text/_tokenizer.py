"""`Tokenizer`: how a text is split into tokens."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from leveret.errors import LeveretUsageError
from leveret.text._library import library

__all__ = ["Tokenizer"]

SPLITS = ("words", "spaces")

_WORDS = "|".join(
    (
        r"(?i)https?://[^\s<>\"]+",
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # addresses
        r"[@#]\w+",
        r"\w+?(?=n['’]t\b)",  # what stands before n't
        r"n['’]t\b",
        r"['’](?:s|m|d|re|ve|ll)\b",
        r"\d+(?:[.,:]\d+)*(?![\w-])",
        r"\w+(?:-+\w+)*",
        r"[^\w\s]",
    )
)
_SAMPLE = 1000
_SIGNS = ",.!?;:"


@dataclass(frozen=True)
class Tokenizer:
    """Splits texts into tokens; equal settings split alike, wherever they run.

    Args:
        split: "words": runs of letters and digits, also with hyphens inside, contractions parted as the Penn Treebank
            has them (do n't, it 's), addresses, @names and #tags whole, every other sign a token of its own. "spaces":
            at white space alone, for texts that were split before.
        lowercase: tokens are looked up in lower case; `tokens` gives them as they stand.

    Raises:
        LeveretUsageError: no such way to split.
    """

    split: str = "words"
    lowercase: bool = True

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise LeveretUsageError(f"split must be one of {', '.join(SPLITS)}, got {self.split!r}")
        if not isinstance(self.lowercase, bool):
            raise LeveretUsageError(f"lowercase must be true or false, got {self.lowercase!r}")

    @staticmethod
    def suited(texts: Iterable[str], lowercase: bool = True) -> Tokenizer:
        """The one for such texts: by "spaces" where nearly all of their punctuation stands apart already."""
        apart = joined = 0
        for text in islice(texts, _SAMPLE):
            for word in text.split():
                if word in _SIGNS:
                    apart += 1
                elif word[-1] in _SIGNS and word[0].isalnum():
                    joined += 1
        # abbreviations keep their point
        return Tokenizer("spaces" if apart > 0 and joined <= 0.1 * (apart + joined) else "words", lowercase)

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, as they stand in it."""
        return [piece for piece, _ in _splitter(self.split).pre_tokenize_str(text)]

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where each token begins and ends in the text, in characters."""
        return [place for _, place in _splitter(self.split).pre_tokenize_str(text)]

    def looked_up(self, tokens: Sequence[str]) -> list[str]:
        """The tokens as a vocabulary has them: in Unicode's composed form, in lower case if so set."""
        normalizer = _normalizer(self.lowercase)
        return [normalizer.normalize_str(token) for token in tokens]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def pipeline(self, model: Any) -> Any:
        """A `tokenizers.Tokenizer` over `model`, which does all of it in one go."""
        made = library().Tokenizer(model)
        made.normalizer = _normalizer(self.lowercase)
        made.pre_tokenizer = _splitter(self.split)
        return made


@functools.cache
def _splitter(split: str) -> Any:
    ways = library().pre_tokenizers
    if split == "spaces":
        return ways.WhitespaceSplit()
    return ways.Split(library().Regex(_WORDS), behavior="removed", invert=True)


@functools.cache
def _normalizer(lowercase: bool) -> Any:
    forms = library().normalizers
    return forms.Sequence([forms.NFC(), forms.Lowercase()]) if lowercase else forms.NFC()
