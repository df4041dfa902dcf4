"""Text: from characters to token ids and back to entities, without torch.

A text is split into tokens (`Tokenizer`), tokens are numbered by a `Vocabulary` that was built from the training part,
and a `TextEncoder` does both at once; it is what a packed model's file holds, so that texts are split in use as they
were in training. `read_vectors` reads word vectors that others trained. Tags such as B-person mark spans of tokens;
`spans` finds them.

The work is done by Hugging Face's tokenizers, which is loaded when the first text comes.
"""

from leveret.text._encoder import TextEncoder
from leveret.text._hashed import HashedWords
from leveret.text._schemes import TagScheme, allowed_transitions, repaired, scheme_of
from leveret.text._spans import Span, spans
from leveret.text._tokenizer import Tokenizer
from leveret.text._vectors import Vectors, read_vectors
from leveret.text._vocabulary import PADDING, UNKNOWN, Vocabulary

__all__ = [
    "PADDING",
    "UNKNOWN",
    "HashedWords",
    "Span",
    "TagScheme",
    "TextEncoder",
    "Tokenizer",
    "Vectors",
    "Vocabulary",
    "allowed_transitions",
    "read_vectors",
    "repaired",
    "scheme_of",
    "spans",
]
