"""Token ids to rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Op

__all__ = ["Embedding"]


class Embedding(Op):
    """Each token's row of a table; a text becomes an image of height 1."""

    name = "embedding"
    tensors: ClassVar = {"weight": (np.float32, True)}

    def infer(self) -> Value:
        first, table = self.inputs[0], self.arrays["weight"]
        if not first.ids:
            raise LeveretFormatError(f"takes ids, got {first.kind}")
        if table.ndim != 2 or 0 in table.shape or len(table) < first.ids:
            raise LeveretFormatError(
                f"weight must be (tokens, channels) with at least {first.ids} tokens, got {table.shape}"
            )
        return Value(first.size, table.shape[1])

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return self.arrays["weight"].take(inputs[0][..., 0], axis=0)
