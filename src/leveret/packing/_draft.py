"""A net on its way from torch to the runtime: steps with their tensors at hand, to be fused before they are final."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._graph import INPUT, Graph, Step

__all__ = ["Draft", "DraftStep", "Turned"]

Turned = tuple[tuple[int, ...], tuple[int, ...]]
_WEIGHTS = ("weight", "values", "columns", "starts")  # the last three are one weight, pruned


@dataclass
class DraftStep:
    """A step of `leveret.runtime._graph` with arrays instead of their names.

    Attributes:
        layer: dotted name of the module that it comes from.
        operator: torch's, that it was lowered from, by the name of its rule; none of steps added later.
        turned: of a weight whose axes aren't torch's: the shape in which torch has it, and by which axes it was
            transposed from there; None where torch's order is the weight's own.
    """

    name: str
    op: str
    inputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    layer: str = ""
    turned: Turned | None = None
    operator: str = ""


class Draft:
    """Steps in order; the last one's result is the net's."""

    def __init__(self) -> None:
        self.steps: list[DraftStep] = []
        self._names: set[str] = {INPUT}

    def add(
        self,
        name: str,
        op: str,
        inputs: list[str],
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
        *,
        layer: str = "",
        turned: Turned | None = None,
        operator: str = "",
    ) -> str:
        """Append a step; gives its name, which is `name` with a number if that is taken."""
        unique, number = name, 2
        while unique in self._names:
            unique, number = f"{name}:{number}", number + 1
        self._names.add(unique)
        self.steps.append(DraftStep(unique, op, inputs, attributes or {}, arrays or {}, layer, turned, operator))
        return unique

    def producer(self, name: str) -> DraftStep | None:
        """The step that gives `name`; None for the input."""
        return next((step for step in self.steps if step.name == name), None)

    def consumers(self, name: str) -> list[DraftStep]:
        """The steps that take `name`."""
        return [step for step in self.steps if name in step.inputs]

    def rename(self, step: DraftStep, name: str) -> None:
        """Give a step another name, everywhere."""
        for other in self.steps:
            other.inputs = [name if taken == step.name else taken for taken in other.inputs]
        step.name = name

    def remove_unused(self) -> None:
        """Drop steps whose results nobody takes, but for the last."""
        needed = {self.steps[-1].name}
        kept = []
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.inputs)
                kept.append(step)
        self.steps = kept[::-1]

    def finished(self) -> tuple[Graph, dict[str, NDArray[Any]]]:
        """The graph and its tensors, named by step and role.

        A layer that is run several times has its tensors once: a step with the weights of an earlier one takes them,
        and what else is the same, by the names that they have there.
        """
        tensors: dict[str, NDArray[Any]] = {}
        steps = []
        first: dict[Any, dict[str, str]] = {}
        for step in self.steps:
            arrays = {role: np.ascontiguousarray(array) for role, array in step.arrays.items()}
            names = {role: f"{step.name}.{role}" for role in arrays}
            if weights := _weights(arrays):
                earlier = first.setdefault(weights, names)
                names |= {r: n for r, n in earlier.items() if n in tensors and _same(tensors[n], arrays.get(r))}
            tensors |= {names[role]: array for role, array in arrays.items()}
            steps.append(Step(step.name, step.op, step.inputs, step.attributes, names))
        return Graph(steps), tensors


def _weights(arrays: dict[str, NDArray[Any]]) -> tuple[Any, ...]:
    """What tells a step's weights from another's; empty if it has none."""
    return tuple(
        (role, arrays[role].dtype.str, arrays[role].shape, hashlib.sha256(arrays[role].tobytes()).digest())
        for role in _WEIGHTS
        if role in arrays
    )


def _same(first: NDArray[Any], second: NDArray[Any] | None) -> bool:
    """Whether they are the same to the bit."""
    return second is not None and first.shape == second.shape and first.tobytes() == second.tobytes()
