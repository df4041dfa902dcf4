"""`BagOfWords`: a text as the mean of its words' vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive
from leveret.text import HashedWords

__all__ = ["BagOfWords"]


class BagOfWords(nn.Module):
    """The mean of the vectors of a text's words and n-grams, then a linear classifier.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017, sections 2 and 2.2. Where we
    deviate: single words are hashed too, so that there is no vocabulary to build, and no words come out unknown; the
    outputs are a plain softmax, as the hierarchical one pays only for very many classes.

    Shapes: a list of `batch` strings → logits `(batch, num_classes)` float32. A text without a word counts as the zero
    vector. Words are runs of letters, digits and underscores, in lower case; other signs part them.

    Args:
        num_classes: outputs.
        dim: length of a vector.
        buckets: vectors; n-grams whose CRC-32 leaves the same rest share one.
        ngrams: the longest run of words that counts, at least 1.

    Raises:
        LeveretUsageError: an argument out of range; when called, something else than texts.
    """

    def __init__(self, num_classes: int, dim: int = 64, buckets: int = 2**16, ngrams: int = 2) -> None:
        super().__init__()
        positive(num_classes=num_classes, dim=dim, buckets=buckets, ngrams=ngrams)
        self.buckets = buckets
        self.ngrams = ngrams
        self.encoder = HashedWords(buckets, ngrams)
        self.embedding = nn.EmbeddingBag(buckets, dim, mode="mean")
        # small, as the mean of few random vectors would outweigh what is learned
        nn.init.uniform_(self.embedding.weight, -1 / dim, 1 / dim)
        self.classifier = nn.Linear(dim, num_classes)

    def tokens(self, text: str) -> list[int]:
        """The buckets of a text's n-grams, the shorter n-grams first."""
        return self.encoder.tokens(text)

    def features(self, x: Sequence[str]) -> Tensor:
        """The texts' mean vectors, `(batch, dim)`."""
        if isinstance(x, (str, Tensor)) or not all(isinstance(text, str) for text in x):
            raise LeveretUsageError(f"this net takes a list of texts, got {type(x).__name__}")
        ids, lengths = map(torch.from_numpy, self.encoder.encode(x))
        device = self.embedding.weight.device
        return self.embedding(ids.to(device), (lengths.cumsum(0) - lengths).to(device))

    def forward(self, x: Sequence[str]) -> Tensor:
        return self.classifier(self.features(x))
