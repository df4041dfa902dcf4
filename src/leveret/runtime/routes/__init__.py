"""Routes: nets of several parts, each a graph of its own, and how each route combines its parts.

A file names its route; `ROUTES` has the class that runs it. A route is numpy over parts that the engine runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leveret.errors import LeveretFormatError
from leveret.runtime._graph import Graph, loads
from leveret.runtime.routes._amounts import Budget, UntilSure
from leveret.runtime.routes._bag import PackedBag
from leveret.runtime.routes._capacity import PackedCapacity
from leveret.runtime.routes._look import CapacityLook
from leveret.runtime.routes._part import Part, parts_from_json
from leveret.runtime.routes._routed import Routed
from leveret.runtime.routes._tagger import PackedTagger, TaggedSentence
from leveret.runtime.routes._text_conv import PackedTextConv
from leveret.runtime.routes._texts import PackedTexts
from leveret.runtime.routes._tree import PackedTree

__all__ = [
    "ROUTES",
    "Budget",
    "CapacityLook",
    "PackedBag",
    "PackedCapacity",
    "PackedTagger",
    "PackedTextConv",
    "PackedTexts",
    "PackedTree",
    "Part",
    "Routed",
    "TaggedSentence",
    "UntilSure",
    "read_routed",
]

_KNOWN: tuple[type[Routed], ...] = (PackedCapacity, PackedTextConv, PackedBag, PackedTagger, PackedTree)
ROUTES: dict[str, type[Routed]] = {route.route: route for route in _KNOWN}


def read_routed(graph: Graph, texts: Mapping[str, str], *rest: Any) -> Routed:
    """The net of a file that has a route.

    Args:
        graph: the file's: one step, whose operation is the route's name, so that readers who know no routes say so.
        texts: the file's metadata.
        rest: tensors and what follows them, as `Routed` takes them.

    Raises:
        LeveretFormatError: an unknown route, or what its parts and settings get wrong.
    """
    settings = loads(texts["route"], "route")
    name = settings.pop("name", None) if isinstance(settings, dict) else None
    if not isinstance(name, str) or name not in ROUTES:
        shown = json.dumps(name)[:100]
        raise LeveretFormatError(f"unknown route {shown}; this Leveret knows {', '.join(ROUTES)}")
    if [step.op for step in graph.steps] != [name] or graph.steps[0].tensors:
        raise LeveretFormatError(f"the graph of a file with the route {name!r} must be one step of that name")
    return ROUTES[name](parts_from_json(texts.get("parts", "")), settings, *rest)
