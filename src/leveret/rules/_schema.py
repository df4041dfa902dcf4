"""`Schema`: what rules may speak of: a data set's classes and columns, and what else a user put at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Schema", "schema_of"]


@dataclass(frozen=True)
class Schema:
    """What there is.

    Attributes:
        classes: names, in the order of the logits; of sequences, the tags.
        columns: names of the columns beside the examples; of a table, its features too.
        texts: whether the examples are texts.
        tags: whether they are sequences with a tag a token.
        functions: a user's own, by name.
        folder: from which files that a rule file names are sought.
    """

    classes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    texts: bool = False
    tags: bool = False
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    folder: Path = Path()


def schema_of(data: Any) -> Schema:
    """The schema of what `leveret.load` gave."""
    columns = (*getattr(data, "features", ()), *getattr(data.train, "columns", {}))
    return Schema(tuple(data.classes), columns, data.kind == "text", data.kind == "tag")
