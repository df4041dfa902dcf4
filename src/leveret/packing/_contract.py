"""What a packed net takes, by the example and the normalisation that it was packed with."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from leveret.runtime import InputContract

__all__ = ["contract_of"]


def contract_of(example: Tensor, normalization: Any, vocabulary: int | None = None) -> InputContract:
    """Of inputs like `example`, pixels of a `mean` and `std` per channel where `normalization` is given."""
    return InputContract(
        tuple(int(n) for n in example.shape[1:]),
        None if normalization is None else tuple(float(v) for v in normalization.mean),
        None if normalization is None else tuple(float(v) for v in normalization.std),
        vocabulary,
    )
