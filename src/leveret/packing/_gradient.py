"""The pass backward through a draft, as more steps of it: how its result changes with what it takes.

Each operation of the runtime that has a derivative has a rule, see `_gradient_rules`. A rule goes by the steps before
they are fused, and adds steps that the runtime has, so that the whole is fused, planned and run as any graph is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from leveret.errors import LeveretFormatError, LeveretPackError
from leveret.packing._draft import Draft, DraftStep
from leveret.runtime._graph import INPUT
from leveret.runtime._values import Value
from leveret.runtime.ops import OPS

__all__ = ["DERIVATIVES", "Derivative", "Spread", "Tape", "differentiates"]

# from the gradient of a step's result to those of its inputs, by name
Derivative = Callable[["Tape", DraftStep, str], list[str]]
DERIVATIVES: dict[str, Derivative] = {}

_INSTEAD = {
    "adaptive_pool2d": "use a pool whose parts divide the features evenly, or a global one",
    "bits": "use a real layer in the top: signs have no derivative",
    "channel_max": "use a maximum over places",
    "group_norm": "use BatchNorm2d",
    "layer_norm": "use BatchNorm2d",
    "quantize": "use a real layer in the top: whole numbers have no derivative",
}


def differentiates(*ops: str) -> Callable[[Derivative], Derivative]:
    """Register a rule for operations of the runtime."""

    def register(rule: Derivative) -> Derivative:
        DERIVATIVES.update(dict.fromkeys(ops, rule))
        return rule

    return register


@dataclass(frozen=True)
class Spread:
    """A pool's gradient, spread to where the largest values were.

    What works on each channel by itself can as well be done before, where there are fewer values.

    Attributes:
        gradient: before.
        pool: the step of the pass forward.
        anew: spreads another gradient in the same way.
    """

    gradient: str
    pool: DraftStep
    anew: Callable[[str], str]


class Tape:
    """A draft whose values' shapes are known, and which goes back through itself.

    Args:
        draft: grows by the steps of the pass backward.
        shape: of its input.
        where: what errors call the net.

    Attributes:
        values: the shape of each step's result.
        spread: of gradients that a pool has spread, by name.
    """

    def __init__(self, draft: Draft, shape: Value, where: str) -> None:
        self.draft, self.where = draft, where
        self.spread: dict[str, Spread] = {}
        self.values: dict[str, Value] = {INPUT: shape}
        for step in draft.steps:
            self.values[step.name] = self._result(step)

    def emit(
        self,
        of: DraftStep,
        op: str,
        inputs: list[str],
        attributes: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
    ) -> str:
        """Add a step of the pass backward through the step `of`; gives its name."""
        name = self.draft.add(f"{of.name}.back", op, inputs, attributes, arrays, layer=of.layer)
        self.values[name] = self._result(self.draft.steps[-1])
        return name

    def gradient(self, seed: str) -> str:
        """The gradient with respect to the input, of what the gradient with respect to the last result is `seed`.

        Raises:
            LeveretPackError: an operation without a rule; names the layer that it comes from.
        """
        forward = self.draft.steps[: next(i for i, s in enumerate(self.draft.steps) if s.name == seed)]
        found = {forward[-1].name: seed}
        for step in reversed(forward):
            if step.name not in found:
                continue  # nobody takes it
            for name, own in zip(step.inputs, self._of_inputs(step, found[step.name]), strict=True):
                found[name] = self.emit(step, "affine", [found[name], own]) if name in found else own
        return found[INPUT]

    def refused(self, step: DraftStep, what: str = "") -> LeveretPackError:
        """An error that names the layer and the operation, and what would work instead."""
        kind = step.op.partition("_")[0]
        kind = {"bit": "bits", "byte": "quantize", "int8": "quantize", "plane": "quantize"}.get(kind, step.op)
        instead = _INSTEAD.get(kind)
        return LeveretPackError(
            f"layer {step.layer!r} of {self.where}: no derivative of {step.op}{what} is known, which the saliency's "
            f"pass backward needs{'' if instead is None else f': {instead}'}. A selector that needs no gradient, such "
            "as LearnedAttention, packs with any top"
        )

    def _of_inputs(self, step: DraftStep, gradient: str) -> list[str]:
        if step.op not in DERIVATIVES:
            raise self.refused(step)
        return DERIVATIVES[step.op](self, step, gradient)

    def _result(self, step: DraftStep) -> Value:
        try:
            return OPS[step.op]([self.values[name] for name in step.inputs], step.attributes, step.arrays).output
        except LeveretFormatError as error:
            raise LeveretPackError(f"layer {step.layer!r} of {self.where}: {error}") from error
