"""Products of real values with real weights, and the epilogue alone."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import Channels, Floats, LaterSteps, epilogue, filters_of, floats, kernel_of
from leveret.runtime._geometry import Pair, Window, pair

__all__ = ["Conv2d", "Linear", "affine"]


class Conv2d:
    """Real convolution: images `(n, h, w, in)`, weights `(out, kernel_h, kernel_w, in / groups)` float32.

    `exact` adds in double and rounds once, so that the result doesn't depend on the order of adding.
    """

    def __init__(
        self,
        weight: Floats,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        *,
        exact: bool = False,
    ) -> None:
        self.exact = exact
        self.weight = floats("weight", weight)
        if self.weight.ndim != 4:
            raise LeveretUsageError(f"weight must be (out, kernel_h, kernel_w, in / groups), got {self.weight.shape}")
        self.in_channels = self.weight.shape[3] * groups
        self.out_channels = filters_of(self.weight.shape, self.in_channels, groups)
        self.groups = groups
        self.window = Window(kernel_of(self.weight.shape), pair(stride), pair(padding), pair(dilation))
        self._native: Any = None
        if not native.use_reference():
            out, kh, kw, own = self.weight.shape
            self._native = native.module.FloatConvLayer(
                self.weight.reshape(out, kh * kw, own), self.in_channels, groups, exact
            )

    def __call__(
        self,
        x: Floats,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """`(n, h, w, in)` to `(n, out_h, out_w, out)`, through the epilogue; a bias is its `shift`."""
        x = floats("x", x)
        if x.ndim != 4 or x.shape[3] != self.in_channels:
            raise LeveretUsageError(f"x must be (n, h, w, {self.in_channels}), got {x.shape}")
        shape = (len(x), *self.window.out(*x.shape[1:3]), self.out_channels)
        steps = epilogue(shape, scale, shift, **later)
        if self._native is None:
            return reference.affine(reference.floatconv(x, self.weight, self.window, self.groups, self.exact), **steps)
        out = np.empty(shape, np.float32)
        self._native.run(x, self.window.as_row(*x.shape[1:3]), **steps, out=out, threads=threads)
        return out


class Linear:
    """`x @ weight.T`: rows `(n, in)`, weights `(out, in)` float32; the product is numpy's."""

    def __init__(self, weight: Floats) -> None:
        self.weight = floats("weight", weight)
        if self.weight.ndim != 2:
            raise LeveretUsageError(f"weight must be (out, in), got {self.weight.shape}")

    def __call__(
        self,
        x: Floats,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """`(n, in)` to `(n, out)`, through the epilogue."""
        x = floats("x", x)
        if x.ndim != 2 or x.shape[1] != self.weight.shape[1]:
            raise LeveretUsageError(f"x must be (n, {self.weight.shape[1]}), got {x.shape}")
        return affine(x @ self.weight.T, scale, shift, threads=threads, **later)


def affine(
    x: Floats,
    scale: Channels = None,
    shift: Channels = None,
    *,
    threads: int = 0,
    **later: Unpack[LaterSteps],
) -> Floats:
    """The epilogue alone, on `(…, c)` float32."""
    x = floats("x", x)
    steps = epilogue(x.shape, scale, shift, **later)
    if native.use_reference() or x.size == 0:
        return reference.affine(x, **steps)
    out = np.empty_like(x)
    native.module.affine(x, x.shape[-1], **steps, out=out, threads=threads)
    return out
