"""`TaggingData`: what sentences with tags are once loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leveret.data._types import Data
from leveret.data.tagging._split import TagSplit
from leveret.text import TagScheme, scheme_of

__all__ = ["TaggingData"]


@dataclass
class TaggingData(Data):
    """Sentences with a tag for each token, ready to train on: a `Data` of kind "tag".

    Its parts are `TagSplit`s, its classes the tags; `class_counts` counts tokens there.
    """

    train: TagSplit  # type: ignore[assignment]
    val: TagSplit  # type: ignore[assignment]
    test: TagSplit  # type: ignore[assignment]

    @property
    def scheme(self) -> TagScheme:
        """Of the tags: "BIO" or "BIOES"."""
        return scheme_of(self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def types(self) -> tuple[str, ...]:
        """What entities there are, in the order of the tags."""
        return tuple(dict.fromkeys(name.partition("-")[2] for name in self.classes if name != "O"))

    def as_dict(self) -> dict[str, Any]:
        parts = (("train", self.train), ("val", self.val), ("test", self.test))
        return {
            **super().as_dict(),
            "scheme": self.scheme,
            "tokens": {name: int(split.lengths.sum()) for name, split in parts},
            "entities": {name: split.entity_counts() for name, split in parts},
        }

    def summary(self) -> Any:
        from leveret.data.tagging._summary import summary

        return summary(self)
