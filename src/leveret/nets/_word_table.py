"""`WordTable`: a vector for each word, from others' or drawn, trained along or left as it is, or both side by side."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive
from leveret.text import PADDING, Vectors, Vocabulary

__all__ = ["WordTable", "WordVectors"]

WordVectors = Literal["static", "non-static", "multichannel"]
_MODES = ("static", "non-static", "multichannel")


class WordTable(nn.Module):
    """Token ids `(batch, length)` int64 → vectors `(batch, length, channels)` float32; those of padding are 0.

    Source: Kim, EMNLP 2014, sections 2.1 and 3.1. "static" keeps the vectors as they are, "non-static" trains them
    along, "multichannel" has both, one behind the other, so that a filter over them has a part for each.

    Args:
        vocabulary: whose words have ids.
        vectors: of some words; others are drawn with their variance, by torch's generator. None draws all, evenly in
            ±0.25 as Kim did; they must be trained then.
        dim: numbers in a vector; default: the vectors', or 100.
        mode: see above. Default: "non-static".

    Raises:
        LeveretUsageError: an unknown mode, one that needs vectors, or vectors of another width than `dim`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        vectors: Vectors | None = None,
        dim: int | None = None,
        mode: WordVectors = "non-static",
    ) -> None:
        super().__init__()
        if mode not in _MODES:
            raise LeveretUsageError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
        if dim is not None:
            positive(dim=dim)
        if vectors is None:
            if mode != "non-static":
                raise LeveretUsageError(f"mode {mode!r} keeps vectors as they are, and needs some that are trained")
            rows = torch.empty(len(vocabulary), dim or 100).uniform_(-0.25, 0.25)
            self.found = 0
        else:
            if dim is not None and vectors.dim != dim:
                raise LeveretUsageError(f"{vectors.name} has vectors of {vectors.dim} numbers, and dim is {dim}")
            seed = int(torch.randint(2**31 - 1, ()))
            table, found = vectors.table(vocabulary, np.random.default_rng(seed))
            rows, self.found = torch.from_numpy(table), int(found.sum())
        self.mode = mode
        self.fixed: nn.Embedding | None = None
        self.trained: nn.Embedding | None = None
        if mode != "non-static":
            self.fixed = nn.Embedding.from_pretrained(rows.clone(), freeze=True, padding_idx=PADDING)
        if mode != "static":
            self.trained = nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=PADDING)
            with torch.no_grad():
                self.trained.weight[PADDING] = 0
        self.channels = rows.shape[1] * (2 if mode == "multichannel" else 1)

    def forward(self, ids: Tensor) -> Tensor:
        parts = [table(ids) for table in (self.fixed, self.trained) if table is not None]
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def rows(self) -> Tensor:
        """The vector of each id, `(ids, channels)`, without gradient."""
        parts = [table.weight.detach() for table in (self.fixed, self.trained) if table is not None]
        return torch.cat(parts, 1)

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, {self.found} words with vectors of others"
