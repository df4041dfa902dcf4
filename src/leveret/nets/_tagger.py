"""`SequenceTagger`: a tag for each token, from its neighbours on both sides and from its letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._chain import LinearChainCRF
from leveret.nets._checks import positive
from leveret.nets._letters import Letters, LettersBy, turned
from leveret.nets._padded import Padded, padded
from leveret.nets._word_table import WordTable, WordVectors
from leveret.text import TextEncoder, Vectors, allowed_transitions

__all__ = ["SequenceTagger"]


class SequenceTagger(nn.Module):
    """A bidirectional LSTM over words and their letters, and a linear-chain CRF over its emissions.

    Source: Chiu & Nichols, "Named Entity Recognition with Bidirectional LSTM-CNNs", TACL 2016, section 2 (letters by a
    CNN, whole sequences scored with transitions), which Hu et al. (ACL 2016, section 4.2) train with rules; Lample et
    al., NAACL 2016, for letters by an LSTM. Where we deviate from the first: no features of capitals or of lists
    beside the letters, one layer, and start and end scores beside the transitions.

    Shapes: a list of `batch` sentences, lists of tokens (or texts, which are split) → emissions `(batch, longest,
    num_tags)` float32, of no meaning behind a sentence's end. `decode` gives tags, `net.crf.transitions` is `(num_tags,
    num_tags)`.

    Args:
        tags: names, in the order of the outputs, such as `data.classes`.
        encoder: `TextEncoder.learn(sentences of the training part, characters=True)`.
        vectors, mode, dim: of words, see `WordTable`.
        hidden: units of the LSTM, in each direction.
        letters: "cnn", "lstm" or None: what reads the characters of words.
        dropout: of what enters the LSTM and of what leaves it, in [0, 1).
        constrained: transitions that the tags' scheme forbids can't be said, and are not learned.

    Raises:
        LeveretUsageError: an argument out of range; when called, something else than sentences.
        LeveretDataError: vectors of none of the words; tags of no scheme, with `constrained`.
    """

    pads: ClassVar[bool] = True

    def __init__(
        self,
        tags: Sequence[str],
        encoder: TextEncoder,
        vectors: Vectors | None = None,
        mode: WordVectors = "non-static",
        *,
        dim: int | None = None,
        hidden: int = 100,
        letters: LettersBy | None = "cnn",
        letter_features: int = 50,
        dropout: float = 0.5,
        constrained: bool = False,
    ) -> None:
        super().__init__()
        positive(hidden=hidden)
        if len(tags) < 2 or isinstance(tags, str):
            raise LeveretUsageError(f"tags must be the names of at least two tags, got {tags!r}")
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        if letters is not None and encoder.characters is None:
            raise LeveretUsageError("the encoder numbers no characters: learn it with characters=True, or letters=None")
        self.tags = tuple(tags)
        self.encoder = encoder
        self.words = WordTable(encoder.vocabulary, vectors, dim, mode)
        self.letters: Letters | None = None
        width = self.words.channels
        if letters is not None:
            assert encoder.characters is not None
            self.letters = Letters(len(encoder.characters), letters, features=letter_features)
            width += letter_features
        self.dropout = nn.Dropout(dropout)
        self.forwards = nn.LSTM(width, hidden, batch_first=True)
        self.backwards = nn.LSTM(width, hidden, batch_first=True)
        for lstm in (self.forwards, self.backwards):
            # forgets little at first (Jozefowicz et al., ICML 2015)
            nn.init.ones_(lstm.get_parameter("bias_hh_l0")[hidden : 2 * hidden])
        self.classifier = nn.Linear(2 * hidden, len(tags))
        self.crf = LinearChainCRF(len(tags), allowed_transitions(self.tags) if constrained else None)

    def tokens(self, x: Any) -> Padded:
        """The ids of a batch of sentences, and how many tokens each has."""
        return self._on_device(padded(*self.encoder.encode(x)))

    def lengths(self, x: Any) -> Tensor:
        """How many tokens each sentence of a batch has, `(batch,)` int64."""
        sentences = self.encoder.tokens(x) if any(isinstance(one, str) for one in x) else x
        return torch.tensor([len(one) for one in sentences], device=self.classifier.weight.device)

    def forward(self, x: Any) -> Tensor:
        sentences = self.encoder.tokens(x) if any(isinstance(one, str) for one in x) else x
        ids, lengths = self.tokens(sentences)
        if not ids.shape[1]:
            return self.classifier.weight.new_zeros(len(ids), 0, len(self.tags))
        entering = self.words(ids)
        if self.letters is not None:
            entering = torch.cat([entering, self._spelled(sentences, lengths, ids.shape[1])], 2)
        entering = self.dropout(entering)
        ahead, _ = self.forwards(entering)
        behind, _ = self.backwards(turned(entering, lengths))
        return self.classifier(self.dropout(torch.cat([ahead, turned(behind, lengths)], 2)))

    @torch.no_grad()
    def decode(self, x: Any) -> list[NDArray[np.int64]]:
        """The best tags of each sentence, in numbers, `(tokens,)` each; without dropout, in training mode too."""
        lengths, was_training = self.lengths(x), self.training
        self.eval()
        try:
            paths = self.crf.decode(self(x), lengths)
        finally:
            self.train(was_training)
        return [path[:length] for path, length in zip(paths.cpu().numpy(), lengths.tolist(), strict=True)]

    def _spelled(self, sentences: Sequence[Sequence[str]], lengths: Tensor, longest: int) -> Tensor:
        """Features of each word's letters, `(batch, longest, features)`; each different word is read once."""
        assert self.letters is not None
        numbers: dict[str, int] = {}
        ids = np.array([numbers.setdefault(w, len(numbers) + 1) for one in sentences for w in one], np.int64)
        letters = self._on_device(padded(*self.encoder.letters(list(numbers)), least=1))
        rows = self.letters(*letters)
        places = self._on_device(padded(ids, lengths.cpu().numpy())).ids
        return nn.functional.embedding(places, torch.cat([rows.new_zeros(1, rows.shape[1]), rows]))

    def _on_device(self, batch: Padded) -> Padded:
        device = self.classifier.weight.device
        return Padded(batch.ids.to(device), batch.lengths.to(device))
