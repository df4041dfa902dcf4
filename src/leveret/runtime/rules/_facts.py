"""`Facts`: what rules are asked of, whatever the examples are: texts, tokens, and columns beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from leveret.errors import LeveretDataError

__all__ = ["Facts", "is_missing"]


@dataclass(frozen=True)
class Facts:
    """Of n examples.

    Attributes:
        size: n.
        texts: one each, or None where the examples are no texts.
        tokens: of sequences, each one's words; else None.
        columns: names with a value each: numbers, texts or booleans; None, NaN and "" where there is none.
    """

    size: int
    texts: Sequence[str] | None = None
    tokens: Sequence[Sequence[str]] | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in (("texts", self.texts), ("tokens", self.tokens), *self.columns.items()):
            if values is not None and len(values) != self.size:
                raise LeveretDataError(f"{name} has {len(values)} values for {self.size} examples")

    def __len__(self) -> int:
        return self.size


def is_missing(value: Any) -> bool:
    """Whether a column's value is none: None, NaN or an empty text."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
