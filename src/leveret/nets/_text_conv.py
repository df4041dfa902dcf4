"""`TextConvNet`: convolutions over a text's words, and of each filter its largest answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive
from leveret.nets._norm_bound import NormBoundLinear
from leveret.nets._padded import Padded, inside, padded
from leveret.nets._word_table import WordTable, WordVectors
from leveret.text import TextEncoder, Vectors

__all__ = ["TextConvNet"]


class TextConvNet(nn.Module):
    """A sentence classifier: filters over 3, 4 and 5 words at a time, the maximum of each over the text, a softmax.

        c_i = relu(w · x_{i:i+k−1} + b),  ĉ = max_i c_i,  logits = W dropout(ĉ) + b,  ‖W_row‖₂ ≤ s

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014, section 2; its settings are
    the defaults (filters 3, 4, 5 x 100, dropout 0.5, s = 3), and its training is `fit(…, optimizer="adadelta",
    batch_size=50)`. Where we deviate: a text is padded by k − 1 zeros on either side for filters of k words, whatever
    else stands in its batch, so that its logits are its own; there all texts were padded to the longest of the data
    set, whose zeros then took part in the maximum. Of "multichannel", a filter has a part for each channel.

    Shapes: a list of `batch` texts, or of lists of tokens → logits `(batch, num_classes)` float32. A text without a
    token counts as zeros alone.

    Args:
        num_classes: outputs.
        encoder: splits texts and numbers tokens, `TextEncoder.learn(texts of the training part)`.
        vectors: word vectors that others trained, from `read_vectors`; None draws them.
        mode: "static", "non-static" or "multichannel", see `WordTable`.
        dim: length of a vector; default: the vectors', or 100.
        widths: of the filters, in words.
        filters: of each width.
        dropout: of the maxima, in [0, 1).
        max_norm: bound s of each class's weights.

    Raises:
        LeveretUsageError: an argument out of range, or vectors of another width; when called, something else than
            texts.
        LeveretDataError: vectors of none of the words.
    """

    pads: ClassVar[bool] = True  # batches of like lengths are less work, see `training.LengthBuckets`

    def __init__(
        self,
        num_classes: int,
        encoder: TextEncoder,
        vectors: Vectors | None = None,
        mode: WordVectors = "non-static",
        *,
        dim: int | None = None,
        widths: Sequence[int] = (3, 4, 5),
        filters: int = 100,
        dropout: float = 0.5,
        max_norm: float = 3.0,
    ) -> None:
        super().__init__()
        if not widths or isinstance(widths, (str, int)):
            raise LeveretUsageError(f"widths must be a list of at least one width, got {widths!r}")
        positive(num_classes=num_classes, filters=filters, **{f"widths[{i}]": k for i, k in enumerate(widths)})
        if not 0 <= dropout < 1:
            raise LeveretUsageError(f"dropout must be in [0, 1), got {dropout}")
        self.encoder = encoder
        self.words = WordTable(encoder.vocabulary, vectors, dim, mode)
        # over an image of height 1, which is laid out as the vectors are
        self.convs = nn.ModuleList(nn.Conv2d(self.words.channels, filters, (1, k)) for k in widths)
        self.widths = tuple(widths)
        self.dropout = nn.Dropout(dropout)
        self.classifier = NormBoundLinear(filters * len(widths), num_classes, max_norm)

    def tokens(self, x: Any) -> Padded:
        """The ids of a batch of texts, with zeros around for the widest filter, and how many tokens each has."""
        around = max(self.widths) - 1
        ids, lengths = padded(*self.encoder.encode(x), before=around, behind=around, least=1)
        device = self.classifier.weight.device
        return Padded(ids.to(device), lengths.to(device))

    def features(self, x: Any) -> Tensor:
        """The maxima, `(batch, filters · widths)`."""
        ids, lengths = self.tokens(x)
        if not len(ids):
            return self.classifier.weight.new_zeros(0, self.classifier.in_features)
        image = self.words(ids).unsqueeze(1).permute(0, 3, 1, 2)  # (batch, channels, 1, places), channels last
        around, longest = max(self.widths) - 1, max(int(lengths.max()), 1)
        ragged = bool((lengths < longest).any())
        maxima = []
        for k, conv in zip(self.widths, self.convs, strict=True):
            # of a text of n words n + k − 1 windows, the first and the last of which hold one word alone
            answers = torch.relu(conv(image[..., around - k + 1 : around + longest + k - 1]))
            if ragged:
                answers = answers * inside(lengths + k - 1, longest + k - 1)[:, None, None]
            maxima.append(answers.amax((2, 3)))
        return torch.cat(maxima, 1)

    def forward(self, x: Any) -> Tensor:
        return self.classifier(self.dropout(self.features(x)))
