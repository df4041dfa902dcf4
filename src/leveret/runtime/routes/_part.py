"""A part of a net: a graph with an input of its own, and its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leveret.errors import LeveretFormatError
from leveret.runtime._contract import FeaturesContract, InputContract
from leveret.runtime._graph import Graph, loads

__all__ = ["Part", "parts_from_json", "parts_to_json"]

_MOST_PARTS = 1024
_NAME = re.compile(r"[\w\-]{1,100}", re.ASCII)
_TAKES = ("images", "features", "ids")
_MOST_IDS = 1 << 31


@dataclass(frozen=True)
class Part:
    """A graph and what it takes.

    Attributes:
        graph: its steps; their names are of all parts different.
        shape: of its input, channels first.
        features: whether it takes another part's features, else images, normalised as the whole net's are.
        ids: of a part that takes neither, but token ids: how many there are; its shape is one id's, `(1, 1, 1)`.
    """

    graph: Graph
    shape: tuple[int, ...]
    features: bool = False
    ids: int = 0

    @property
    def takes(self) -> str:
        """What it takes, in a word of the file."""
        return "ids" if self.ids else _TAKES[self.features]

    def contract(self, whole: InputContract) -> InputContract:
        """What it takes, in a net that takes `whole`; raises `LeveretFormatError` for sides that make no sense."""
        if self.ids:
            contract = InputContract((1,), vocabulary=self.ids)
            _ = contract.value
            return contract
        contract = FeaturesContract(self.shape) if self.features else InputContract(self.shape, whole.mean, whole.std)
        if not self.features and whole.mean is not None and len(whole.mean) != self.shape[0]:
            raise LeveretFormatError(f"it takes images of {self.shape[0]} channels, the net of {len(whole.mean)}")
        _ = contract.value
        return contract


def parts_to_json(parts: Mapping[str, Part]) -> str:
    return json.dumps(
        {
            name: {
                "takes": part.takes,
                **({"vocabulary": part.ids} if part.ids else {}),
                "shape": list(part.shape),
                **json.loads(part.graph.to_json()),
            }
            for name, part in parts.items()
        },
        separators=(",", ":"),
    )


def parts_from_json(text: str) -> dict[str, Part]:
    """The parts of a file's metadata, by name; their form alone is checked.

    Raises:
        LeveretFormatError: says which part, and what.
    """
    rows = loads(text, "parts")
    if not isinstance(rows, dict) or not 1 <= len(rows) <= _MOST_PARTS:
        raise LeveretFormatError(f"the parts must be an object of 1 to {_MOST_PARTS} graphs")
    parts: dict[str, Part] = {}
    names: set[str] = set()
    for name, row in rows.items():
        if not _NAME.fullmatch(name):
            raise LeveretFormatError("a part's name must be of 1 to 100 letters, digits, _ and -")
        try:
            parts[name] = _read(row)
        except LeveretFormatError as error:
            raise LeveretFormatError(f"part {name!r}: {error}") from None
        own = {step.name for step in parts[name].graph.steps}
        if taken := names & own:
            raise LeveretFormatError(f"part {name!r}: another part's step is called {min(taken)!r}, too")
        names |= own
    return parts


def _read(row: Any) -> Part:
    if not isinstance(row, dict):
        raise LeveretFormatError("must be an object")
    shape, takes = row.get("shape"), row.get("takes")
    if not isinstance(shape, list) or len(shape) != 3 or not all(type(n) is int for n in shape):
        raise LeveretFormatError(f"its input's shape must be (channels, height, width), got {str(shape)[:100]}")
    if takes not in _TAKES:
        raise LeveretFormatError(f"must take {' or '.join(_TAKES)}, got {str(takes)[:100]!r}")
    ids = row.get("vocabulary", 0)
    if takes == "ids" and (type(ids) is not int or not 1 <= ids <= _MOST_IDS or shape != [1, 1, 1]):
        raise LeveretFormatError(
            f"takes ids: its shape must be [1, 1, 1] and its vocabulary a whole number in 1..{_MOST_IDS}"
        )
    return Part(Graph.from_value(row), tuple(shape), takes == "features", ids if takes == "ids" else 0)
