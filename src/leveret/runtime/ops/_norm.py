"""Norms whose statistics are each sample's own, and softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Op, Real, Whole, real_values

__all__ = ["GroupNorm", "LayerNorm", "LogSoftmax", "Softmax"]

_SCALE_SHIFT = {"scale": (np.float32, False), "shift": (np.float32, False)}


class _OwnNorm(Op):
    def _finish(self, x: Array, mean: Array, variance: Array, threads: int) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):  # eps may be 0
            y = (x - mean) * (1 / np.sqrt(variance + self.values["eps"])).astype(np.float32)
        return kernels.affine(
            y.astype(np.float32, copy=False), self.array("scale"), self.array("shift"), threads=threads
        )


class GroupNorm(_OwnNorm):
    """Values less their mean, over their deviation, in each group of channels and all places; then scale and shift."""

    name = "group_norm"
    attributes: ClassVar = {"groups": Whole(1, 1 << 20), "eps": Real(0, 1e3, 1e-5)}
    tensors: ClassVar = _SCALE_SHIFT

    def infer(self) -> Value:
        first = real_values(self)
        if first.channels % self.values["groups"]:
            raise LeveretFormatError(f"{first.channels} channels don't divide by {self.values['groups']} groups")
        self.check_epilogue(first.channels, ("scale", "shift"))
        return first

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x, groups = inputs[0], self.values["groups"]
        places = tuple(range(1, x.ndim - 1))

        def means(values: Array) -> Array:
            """Of each group, at each of its channels: over places first, which is one pass over memory."""
            each = values.mean(places).reshape(len(x), groups, x.shape[-1] // groups)
            whole = each.mean(2, keepdims=True, dtype=np.float64)
            return np.broadcast_to(whole, each.shape).reshape(len(x), *[1] * len(places), x.shape[-1])

        mean = means(x).astype(np.float32)
        return self._finish(x, mean, means(np.square(x - mean)), threads)


class LayerNorm(_OwnNorm):
    """Values less their mean, over their deviation, over the channels of each place; then scale and shift."""

    name = "layer_norm"
    attributes: ClassVar = {"eps": Real(0, 1e3, 1e-5)}
    tensors: ClassVar = _SCALE_SHIFT

    def infer(self) -> Value:
        first = real_values(self)
        self.check_epilogue(first.channels, ("scale", "shift"))
        return first

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x = inputs[0]
        mean = x.mean(-1, keepdims=True)
        return self._finish(x, mean, np.square(x - mean).mean(-1, keepdims=True), threads)


class Softmax(Op):
    """Shares of the channels that add up to 1, at each place."""

    name = "softmax"

    def infer(self) -> Value:
        return real_values(self)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        shares = np.exp(inputs[0] - inputs[0].max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return shares


class LogSoftmax(Softmax):
    """The logarithms of what `softmax` gives."""

    name = "log_softmax"

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x = inputs[0] - inputs[0].max(-1, keepdims=True)
        x -= np.log(np.exp(x).sum(-1, keepdims=True))
        return x
