"""Sentences as they stand in a source, before their tags are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from leveret.data._types import Skipped

__all__ = ["RawSentences", "Tagged"]


@dataclass
class Tagged:
    """Sentences of one part.

    Attributes:
        tokens, tags: of each sentence, as many of both; None in the place of tags that it hasn't.
        where: names each in messages.
    """

    tokens: list[Sequence[str]] = field(default_factory=list)
    tags: list[Sequence[str] | None] = field(default_factory=list)
    where: list[str] = field(default_factory=list)

    def add(self, tokens: Sequence[str], tags: Sequence[str] | None, where: str) -> None:
        self.tokens.append(tokens)
        self.tags.append(tags)
        self.where.append(where)

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass
class RawSentences:
    """A source as it was read: parts "all", or any of "train", "val", "test"; what was skipped and decided.

    Attributes:
        names: of the tags, where the source says them in an order.
        unlabelled: keep sentences without tags, in the training part.
    """

    parts: dict[str, Tagged] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    names: tuple[str, ...] = ()
    unlabelled: bool = False
