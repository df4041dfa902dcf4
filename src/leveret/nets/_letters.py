"""What a word's letters say of it: suffixes, capitals, digits, also of words that nobody saw before."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive
from leveret.nets._padded import inside
from leveret.text import PADDING

__all__ = ["Letters", "LettersBy"]

LettersBy = Literal["cnn", "lstm"]


class Letters(nn.Module):
    """Characters' ids `(words, longest)` int64 with lengths `(words,)` → features of the words `(words, features)`.

    Two forms:

    - "cnn": filters over three characters and the maximum of each over the word (Chiu & Nichols, TACL 2016,
      section 2.1; Ma & Hovy, ACL 2016, section 2.1);
    - "lstm": the last states of an LSTM that reads the word, and of one that reads it backward (Lample et al.,
      NAACL 2016, section 4.1).

    Args:
        characters: how many ids there are.
        form: see above.
        dim: length of a character's vector.
        features: of a word; of "lstm" even.
        width: of the filters.

    Raises:
        LeveretUsageError: an argument out of range.
    """

    def __init__(
        self, characters: int, form: LettersBy = "cnn", dim: int = 25, features: int = 50, width: int = 3
    ) -> None:
        super().__init__()
        positive(characters=characters, dim=dim, features=features, width=width)
        if form not in ("cnn", "lstm"):
            raise LeveretUsageError(f"letters must be read by 'cnn', 'lstm' or None, got {form!r}")
        if form == "lstm" and features % 2:
            raise LeveretUsageError(f"features must be even, for both directions of the lstm; got {features}")
        self.form = form
        self.width = width
        self.features = features
        self.table = nn.Embedding(characters, dim, padding_idx=PADDING)
        nn.init.uniform_(self.table.weight, -((3 / dim) ** 0.5), (3 / dim) ** 0.5)
        with torch.no_grad():
            self.table.weight[PADDING] = 0
        self.conv = nn.Conv2d(dim, features, (1, width)) if form == "cnn" else None
        self.forwards = nn.LSTM(dim, features // 2, batch_first=True) if form == "lstm" else None
        self.backwards = nn.LSTM(dim, features // 2, batch_first=True) if form == "lstm" else None

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        vectors = self.table(ids)
        if self.conv is not None:
            around = self.width - 1
            image = nn.functional.pad(vectors, (0, 0, around, around)).unsqueeze(1).permute(0, 3, 1, 2)
            answers = torch.relu(self.conv(image)).squeeze(2)
            there = inside(lengths + around, answers.shape[2]).unsqueeze(1)
            return (answers * there).amax(2)
        assert self.forwards is not None
        assert self.backwards is not None
        states = [
            run(given)[0] for run, given in ((self.forwards, vectors), (self.backwards, turned(vectors, lengths)))
        ]
        last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, self.features // 2)
        return torch.cat([state.gather(1, last).squeeze(1) for state in states], 1)


def turned(values: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence of `(batch, longest, …)` from its end to its beginning, what stands behind its end as it is."""
    places = torch.arange(values.shape[1], device=values.device).expand(len(values), -1)
    back = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)
    return values.gather(1, back.unsqueeze(2).expand_as(values))
