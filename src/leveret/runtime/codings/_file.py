"""A file's tensors, of which some are coded, and the metadata that say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leveret.errors import LeveretFormatError
from leveret.runtime._graph import loads
from leveret.runtime.codings._base import Array, Coding
from leveret.runtime.codings._hashed import Hashed
from leveret.runtime.codings._planes import Planes
from leveret.runtime.codings._product import Product
from leveret.runtime.codings._tables import Sparse, Table

__all__ = ["decoded", "encoded"]

_KINDS = {kind.kind: kind for kind in (Table, Sparse, Planes, Product, Hashed)}
# a small file must not become a large net
_MOST_ELEMENTS = 1 << 28


def encoded(tensors: Mapping[str, Array], codings: Mapping[str, Coding]) -> tuple[str, dict[str, Array]]:
    """The metadata `codings`, and the tensors that a file of them holds."""
    described: dict[str, dict[str, Any]] = {}
    stored = dict(tensors)
    for name, coding in codings.items():
        for replaced in coding.names(name):
            del stored[replaced]
        described[name] = {"coding": coding.kind, **coding.attributes}
        stored |= {f"{name}:{role}": part for role, part in coding.parts.items()}
    return json.dumps(described), stored


def decoded(text: str, stored: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Coding]]:
    """The tensors that a file's tensors stand for, and the codings that say how.

    Raises:
        LeveretFormatError: a coding that this Leveret doesn't know, or parts that are missing or don't fit.
    """
    described = loads(text, "codings")
    if not isinstance(described, dict):
        raise LeveretFormatError("the codings must be an object")
    tensors = dict(stored)
    codings: dict[str, Coding] = {}
    for name, entry in described.items():
        try:
            codings[name] = _read(name, entry, tensors)
        except LeveretFormatError as error:
            raise LeveretFormatError(f"coding of {name!r}: {error}") from None
    if (elements := sum(coding.elements for coding in codings.values())) > _MOST_ELEMENTS:
        raise LeveretFormatError(f"the coded weights are {elements:,}; at most {_MOST_ELEMENTS:,} are allowed")
    for name, coding in codings.items():
        try:
            found = coding.tensors(name)
        except LeveretFormatError as error:
            raise LeveretFormatError(f"coding of {name!r}: {error}") from None
        if taken := found.keys() & tensors.keys():
            raise LeveretFormatError(f"coding of {name!r}: tensor {sorted(taken)[0]!r} is there twice")
        tensors |= found
    return tensors, codings


def _read(name: str, entry: Any, tensors: dict[str, Array]) -> Coding:
    """A coding, whose parts are taken from the tensors."""
    if not isinstance(entry, dict):
        raise LeveretFormatError(f"must be an object, got {entry!r}")
    kind = entry.get("coding")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise LeveretFormatError(f"attribute 'coding' must be one of {', '.join(_KINDS)}, got {kind!r}")
    cls = _KINDS[kind]
    if wrong := entry.keys() ^ {"coding", *cls.keys}:
        key = sorted(wrong)[0]
        raise LeveretFormatError(f"attribute {key!r} is {'not known' if key in entry else 'missing'}")
    parts = {}
    for role in cls.roles:
        if (part := tensors.pop(f"{name}:{role}", None)) is None:
            raise LeveretFormatError(f"tensor {f'{name}:{role}'!r} is not in the file")
        parts[role] = part
    return cls.read(entry, parts)
