"""`load`: from a `.lvr` file to a net that runs."""

from __future__ import annotations

import os

from leveret.errors import LeveretFormatError
from leveret.runtime import _format
from leveret.runtime._contract import InputContract
from leveret.runtime._graph import Graph
from leveret.runtime._packed import Packed
from leveret.runtime.codings import decoded

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Packed:
    """Read a `.lvr` file.

    Returns:
        A `Packed`; of a file of several parts the kind that its route asks for, see `leveret.runtime.routes`.

    Raises:
        LeveretFormatError: not a whole, valid file of a version that this Leveret reads; says what and where.
    """
    content = _format.read(path)
    texts = content.metadata
    try:
        graph = Graph.from_json(texts.get("graph", ""))
        contract = InputContract.from_json(_format.metadata_value(texts, "input"))
        classes = _format.metadata_value(texts, "classes")
        provenance = _format.metadata_value(texts, "provenance")
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise LeveretFormatError("the classes must be a list of names")
        if not isinstance(provenance, dict):
            raise LeveretFormatError("the provenance must be an object")
        tensors, codings = decoded(texts.get("codings", "{}"), content.tensors)
        rest = (tensors, contract, classes, provenance, texts["version"], codings)
        if "route" in texts:
            from leveret.runtime.routes import read_routed

            packed: Packed = read_routed(graph, texts, *rest)
        else:
            packed = Packed(graph, *rest)
        if "rules" in texts:
            from leveret.runtime.rules import program_of

            packed.rules = program_of(_format.metadata_value(texts, "rules"), classes)
        return packed
    except LeveretFormatError as error:
        raise LeveretFormatError(f"{os.fspath(path)}: {error}") from None
