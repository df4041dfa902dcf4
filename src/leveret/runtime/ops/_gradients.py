"""Steps of a pass backward: from the gradient of what an operation gives to that of what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import reference
from leveret.runtime._geometry import Window
from leveret.runtime._values import MOST_ELEMENTS, Value
from leveret.runtime.ops._base import Array, Choice, Op, PairOf, Real, real_values
from leveret.runtime.ops._functions import FUNCTIONS
from leveret.runtime.ops._pool import POOL_WINDOW, window_of, window_places

__all__ = ["ClipGradient", "FunctionGradient", "LeakyGradient", "LinearTranspose", "LogitsGradient", "MaxPoolGradient"]


class LogitsGradient(Op):
    """The gradient, at each logit, of the prediction's `entropy`, or of the likeliest class's log-probability
    (`confidence`)."""

    name = "logits_gradient"
    attributes: ClassVar = {"measure": Choice(tuple(reference.MEASURES))}

    def infer(self) -> Value:
        return real_values(self, 0)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return reference.MEASURES[self.values["measure"]](inputs[0])


class _OfTwo(Op):
    """Takes the gradient of its result, and a value that the pass forward gave."""

    takes = (2, 2)

    def infer(self) -> Value:
        first = real_values(self)
        if self.inputs[1] != first:
            raise LeveretFormatError(f"takes a gradient of shape {first.shape} and a value of {self.inputs[1].shape}")
        return first


class LeakyGradient(_OfTwo):
    """A gradient through `v > 0 ? v : v · slope`; the second value is v, or of slopes of at least 0 its result."""

    name = "leaky_gradient"
    tensors: ClassVar = {"slope": (np.float32, True)}

    def infer(self) -> Value:
        self.check_epilogue(self.inputs[0].channels, ("slope",))
        return super().infer()

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return reference.leaky_gradient(inputs[0], inputs[1], self.arrays["slope"])


class ClipGradient(_OfTwo):
    """A gradient where the second value lies between two bounds, which themselves are within or not; else 0."""

    name = "clip_gradient"
    attributes: ClassVar = {
        "low": Real(-1e30, 1e30),
        "high": Real(-1e30, 1e30),
        "bounds": Choice(("within", "without"), "within"),
    }

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return reference.clip_gradient(inputs[0], inputs[1], **self.values)


class FunctionGradient(_OfTwo):
    """A gradient through a `function` of each value: times its derivative at the second value."""

    name = "function_gradient"
    attributes: ClassVar = {"function": Choice(tuple(FUNCTIONS))}

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return inputs[0] * reference.DERIVATIVES[self.values["function"]](inputs[1])


class MaxPoolGradient(Op):
    """A gradient back to where a `max_pool2d` found its largest values; of equals to the `first`, or `shared`."""

    name = "max_pool_gradient"
    takes = (2, 2)
    attributes: ClassVar = {
        **POOL_WINDOW,
        "dilation": PairOf(1, 4096, (1, 1)),
        "ties": Choice(("first", "shared"), "first"),
    }

    def infer(self) -> Value:
        real_values(self, 2)
        gradient, image = self.inputs
        if not image.size:
            raise LeveretFormatError(f"takes an image, got shape {image.shape}")
        places = window_places(self.values, image)
        if (gradient.size, gradient.channels) != (places, image.channels):
            raise LeveretFormatError(f"takes a gradient of shape {gradient.shape} for {(image.channels, *places)}")
        if self.work > MOST_ELEMENTS:
            raise LeveretFormatError(f"a window of {self.values['kernel']} over {image.shape} is far too large")
        return image

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        shared = self.values["ties"] == "shared"
        return reference.max_pool_gradient(inputs[0], inputs[1], self._window(), shared=shared)

    @property
    def work(self) -> int:
        down, across = self.values["kernel"]
        return self.inputs[0].elements * down * across

    @property
    def scratch_bytes(self) -> int:
        return 4 * self.work

    def _window(self) -> Window:
        return window_of(self.values)


class LinearTranspose(Op):
    """Real product with a matrix the other way round, as a `linear` is gone back through; weight `(in, out)`."""

    name = "linear_transpose"
    tensors: ClassVar = {"weight": (np.float32, True)}

    def infer(self) -> Value:
        weight, features = self.arrays["weight"], real_values(self, 0).channels
        if weight.ndim != 2 or len(weight) != features or 0 in weight.shape:
            raise LeveretFormatError(f"weight must be ({features}, out) for {features} features, got {weight.shape}")
        return Value((), weight.shape[1])

    def run(self, inputs: Sequence[Array], threads: int) -> Any:
        return inputs[0] @ self.arrays["weight"]

    def macs(self) -> tuple[int, int]:
        return self.weight_count, 0
