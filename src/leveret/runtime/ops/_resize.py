"""Images of another size: the nearest pixel, or a mean of four."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leveret.runtime._values import Value
from leveret.runtime.ops._base import Array, Choice, Op, PairOf, real_values

__all__ = ["Resize"]

_SIDE = 16_384


class Resize(Op):
    """An image of another size; `step` is how many of its pixels lie between two new ones."""

    name = "resize"
    attributes: ClassVar = {
        "size": PairOf(1, _SIDE),
        "step": PairOf(0, _SIDE, whole=False),
        "mode": Choice(("bilinear", "bilinear_corners", "nearest", "nearest_exact")),
    }

    def infer(self) -> Value:
        return Value(self.values["size"], real_values(self, 2).channels)

    def prepare(self) -> None:
        places = zip(self.inputs[0].size, self.values["size"], self.values["step"], strict=True)
        self._axes = [_sources(side, count, step, self.values["mode"]) for side, count, step in places]

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x = inputs[0]
        # the axis that grows less comes first, so that the pass between them is short
        order = sorted((1, 2), key=lambda axis: self.output.size[axis - 1] / x.shape[axis])
        for axis in order:
            first, second, share = self._axes[axis - 1]
            y = x.take(first, axis)
            if share is not None:
                more = x.take(second, axis)
                more -= y
                more *= share[:, None] if axis == 2 else share[:, None, None]
                y += more
            x = y
        return x

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        return engine.resize(inputs[0], self.values["size"], self.values["step"], self.values["mode"])


def _sources(side: int, count: int, step: float, mode: str) -> tuple[NDArray[np.int64], Any, Any]:
    """For each place the one or two pixels that it is made of, and the second one's share.

    In float32, as torch does it: a place near the border of two pixels must get the same one.
    """
    i, s, half = np.arange(count, dtype=np.float32), np.float32(step), np.float32(0.5)
    if mode == "nearest":
        at = i * s
    elif mode == "nearest_exact":
        at = (i + half) * s
    elif mode == "bilinear":
        at = (i + half) * s - half
    else:
        at = i * s
    at = np.clip(at, 0, np.float32(side - 1))
    # of very long sides the last pixel's number is no float
    first = np.minimum(np.floor(at).astype(np.int64), side - 1)
    if mode.startswith("nearest"):
        return first, None, None
    return first, np.minimum(first + 1, side - 1), at - first.astype(np.float32)
