"""The nets that jobs make for texts, from a training part's words and perhaps vectors that others trained."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from torch import nn

from leveret.nets import SequenceTagger, TextConvNet, encoder_for
from leveret.text import TextEncoder, Vectors, read_vectors

__all__ = ["TextMaker", "known_vectors", "text_maker"]

# vectors come in all sizes, which steps of a given length don't suit; this is word2vec's, as Kim had them
_DEVIATION = 0.15
# of a file that holds more, so that a model doesn't carry a whole dictionary
_MOST_WORDS = 50_000


@dataclass(frozen=True)
class TextMaker:
    """Makes the net anew, with random weights drawn from torch's generator.

    Attributes:
        encoder: knows the words; made once.
        vectors: of some of them, or None.
        outputs: how many classes, or of a tagger the tags' names.
    """

    encoder: TextEncoder
    vectors: Vectors | None
    outputs: int | tuple[str, ...]

    def __call__(self) -> nn.Module:
        if isinstance(self.outputs, int):
            return TextConvNet(self.outputs, self.encoder, self.vectors)
        return SequenceTagger(self.outputs, self.encoder, self.vectors)

    def describe(self) -> dict[str, Any]:
        """What a resumed run must have in common, beside the net's shapes."""
        words: dict[str, Any] = {"words": len(self.encoder.vocabulary.words), **self.encoder.tokenizer.as_dict()}
        return words if self.vectors is None else {**words, "vectors": self.vectors.name, "numbers": self.vectors.dim}


def known_vectors(path: str | os.PathLike[str] | None) -> Vectors | None:
    """The vectors of a file, brought to a size that suits the nets, at most those of the first 50,000 words.

    Raises:
        LeveretDataError: the file is missing or damaged; says where.
    """
    if path is None:
        return None
    return read_vectors(os.fspath(path)).first(_MOST_WORDS).scaled(_DEVIATION)


def text_maker(data: Any, vectors: Vectors | None) -> TextMaker:
    """For texts of classes a `TextConvNet`, for sentences with tags a `SequenceTagger`."""
    tags = data.kind == "tag"
    encoder = encoder_for(data.train, vectors, characters=tags)
    return TextMaker(encoder, vectors, tuple(data.classes) if tags else data.num_classes)
