"""The native engine of a packed net: all steps in one call, over memory planned once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leveret._pixels import of_pixels
from leveret.runtime import _native as native
from leveret.runtime._contract import InputContract
from leveret.runtime._graph import INPUT, Graph
from leveret.runtime.ops import Op

__all__ = ["build_engine"]


def build_engine(graph: Graph, ops: Sequence[Op], contract: InputContract) -> Any | None:
    """An engine for the graph; None where no kernels were compiled, for token ids, or where a step
    has no native form."""
    image = contract.value
    if native.module is None or native.isa() == "reference" or image.ids:
        return None
    if any(type(op).native is Op.native for op in ops):
        return None  # before any weight is laid out
    scaled = [None if row is None else of_pixels(row) for row in (contract.mean, contract.std)]
    values = {INPUT: 0}
    if contract.channels_last:
        # the engine reads channels first: of one channel both are the same
        height, width = image.size
        engine = native.module.Engine(1, height, width * image.channels, *scaled)
        values[INPUT] = engine.reshape(0, height, width)
    else:
        engine = native.module.Engine(image.channels, *image.size, *scaled)
    for step, op in zip(graph.steps, ops, strict=True):
        value = op.native(engine, [values[name] for name in step.inputs])
        if value is None:
            return None
        values[step.name] = value
    engine.plan()
    return engine
