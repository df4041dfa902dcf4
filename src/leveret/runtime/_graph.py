"""A packed net as a list of steps, and its JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from leveret.errors import LeveretFormatError

__all__ = ["INPUT", "Graph", "Step"]

INPUT = "input"
_MOST_STEPS = 20_000
_NAME = re.compile(r"[\w.:\-]{1,200}", re.ASCII)


@dataclass
class Step:
    """One operation.

    Attributes:
        name: unique; also the name of its result.
        op: what it does, see `leveret.runtime.ops`.
        inputs: names of earlier steps, or "input".
        attributes: numbers, pairs of numbers, or words.
        tensors: role ("weight", "shift", …) to the tensor's name in the file.
    """

    name: str
    op: str
    inputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)


@dataclass
class Graph:
    """Steps in the order in which they run; the last one's result is the logits."""

    steps: list[Step]

    def to_json(self) -> str:
        rows = [
            {
                "name": step.name,
                "op": step.op,
                "inputs": step.inputs,
                "attributes": step.attributes,
                "tensors": step.tensors,
            }
            for step in self.steps
        ]
        return json.dumps({"steps": rows}, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Graph:
        """Read and check the form: names, types, order. What each op needs is checked by the op itself.

        Raises:
            LeveretFormatError: says which step and what.
        """
        return Graph.from_value(loads(text, "graph"))

    @staticmethod
    def from_value(value: Any) -> Graph:
        """As `from_json`, of what the JSON means."""
        rows = value.get("steps") if isinstance(value, dict) else None
        if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_STEPS:
            raise LeveretFormatError(f"the graph must be a list of 1 to {_MOST_STEPS} steps")
        known = {INPUT}
        steps = []
        for i, row in enumerate(rows):
            step = _step(row, i)
            for name in step.inputs:
                if name not in known:
                    raise LeveretFormatError(f"step {step.name!r} takes {name!r}, which no earlier step gives")
            if step.name in known:
                raise LeveretFormatError(f"two steps are called {step.name!r}")
            known.add(step.name)
            steps.append(step)
        return Graph(steps)


def _step(row: Any, number: int) -> Step:
    where = f"step {number} of the graph"
    if not isinstance(row, dict):
        raise LeveretFormatError(f"{where} must be an object, got {type(row).__name__}")
    name, op, inputs = row.get("name"), row.get("op"), row.get("inputs")
    attributes, tensors = row.get("attributes", {}), row.get("tensors", {})
    for what, text in (("name", name), ("op", op)):
        if not isinstance(text, str) or not _NAME.fullmatch(text):
            raise LeveretFormatError(f"{where} has no valid {what}")
    if not isinstance(inputs, list) or len(inputs) > 64 or not all(isinstance(i, str) for i in inputs):
        raise LeveretFormatError(f"{where} ({name}) must list its inputs' names")
    if not isinstance(attributes, dict) or not isinstance(tensors, dict):
        raise LeveretFormatError(f"{where} ({name}) must have attributes and tensors as objects")
    if not all(isinstance(t, str) for t in tensors.values()):
        raise LeveretFormatError(f"{where} ({name}) must name its tensors")
    return Step(str(name), str(op), list(inputs), dict(attributes), dict(tensors))


def loads(text: str, what: str) -> Any:
    """JSON without NaN and infinities, as a `LeveretFormatError` where it isn't valid."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not a number")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise LeveretFormatError(f"the {what} is not valid JSON: {error}") from error
