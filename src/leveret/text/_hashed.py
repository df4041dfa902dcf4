"""`HashedWords`: words and runs of words, numbered by a hash rather than a vocabulary."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretFormatError

__all__ = ["HashedWords"]

_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True)
class HashedWords:
    """Texts to the numbers of their words and n-grams: CRC-32 modulo `buckets`.

    Words are runs of letters, digits and underscores, in lower case; other signs part them.

    Args:
        buckets: numbers that there are.
        ngrams: the longest run of words that counts.
    """

    buckets: int
    ngrams: int

    def tokens(self, text: str) -> list[int]:
        """The numbers of a text's n-grams, the shorter n-grams first."""
        words = [word.encode() for word in _TOKEN.findall(text.lower())]
        return [
            zlib.crc32(b" ".join(words[i : i + n])) % self.buckets
            for n in range(1, self.ngrams + 1)
            for i in range(len(words) - n + 1)
        ]

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of all texts, one text after the other, and how many each has."""
        bags = [self.tokens(text) for text in texts]
        lengths = np.fromiter(map(len, bags), np.int64, len(bags))
        return np.fromiter(chain.from_iterable(bags), np.int64, int(lengths.sum())), lengths

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(value: Any) -> HashedWords:
        """What `as_dict` gave; raises `LeveretFormatError` for anything else."""
        fine = isinstance(value, dict) and value.keys() == {"buckets", "ngrams"}
        if not fine or any(type(n) is not int for n in value.values()):
            raise LeveretFormatError("hashed words must be an object of two whole numbers, buckets and ngrams")
        if not 1 <= value["buckets"] <= 1 << 31 or not 1 <= value["ngrams"] <= 16:
            raise LeveretFormatError(f"buckets must be in 1..2^31 and ngrams in 1..16, got {value}")
        return HashedWords(**value)
