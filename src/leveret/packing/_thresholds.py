"""Signs of rounded sums as thresholds that give exactly the same bits.

A sign after BatchNorm asks whether `fma(x, scale, shift)`, rounded to float32, is at least 0. Rounding keeps the sign
of the exact value, and the exact value is monotone in x: so there is one float at which the answer changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leveret.runtime import reference

__all__ = ["affine_thresholds", "sum_thresholds"]

Floats = NDArray[np.float32]
Flips = NDArray[np.uint8]
_LARGEST_SUM = 1 << 16


def affine_thresholds(scale: Floats | None, shift: Floats) -> tuple[Floats, Flips]:
    """Thresholds t and flips with `x · scale + shift >= 0` exactly where `x >= t`, or `x <= t` where flipped."""
    if scale is None:
        # x + shift >= 0 exactly where x >= −shift
        return (-shift).astype(np.float32), np.zeros(len(shift), np.uint8)
    a, b = scale.astype(np.float64), shift.astype(np.float64)
    flip = a < 0
    inward = np.where(flip, np.float32(-np.inf), np.float32(np.inf)).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = (-b / a).astype(np.float32)
        for _ in range(4):  # the quotient is at most an ulp or two from the turning point
            outside = a * t.astype(np.float64) + b < 0
            t = np.where(outside, np.nextafter(t, inward), t)
        for _ in range(4):
            further = np.nextafter(t, -inward)
            still = a * further.astype(np.float64) + b >= 0
            t = np.where(still, further, t)
    never, always = (a == 0) & (b < 0), (a == 0) & (b >= 0)
    t = np.where(never, np.float32(np.inf), np.where(always, np.float32(-np.inf), t))
    return t.astype(np.float32), flip.astype(np.uint8)


def sum_thresholds(
    largest: int, scale: Floats | None, shift: Floats | None, threshold: Floats | None, flip: Flips | None, outputs: int
) -> tuple[Floats, Flips] | None:
    """Thresholds on whole-number sums in −largest..largest that stand for an epilogue and a threshold after it.

    Found by trying all sums in the kernels' own arithmetic. None if there are too many, or if a channel's answers
    aren't monotone.
    """
    if largest > _LARGEST_SUM:
        return None
    sums = np.arange(-largest, largest + 1, dtype=np.float32)
    limits, flips = np.empty(outputs, np.float32), np.zeros(outputs, np.uint8)
    for first in range(0, outputs, 64):
        part = slice(first, min(first + 64, outputs))
        width = part.stop - part.start
        values = np.repeat(sums[:, None], width, axis=1)
        values = reference.affine(
            values, None if scale is None else scale[part], None if shift is None else shift[part]
        )
        t = np.zeros(width, np.float32) if threshold is None else threshold[part]
        answers = values >= t
        if flip is not None:
            answers = np.where(flip[part].astype(bool), values <= t, answers)
        changes = (answers[1:] != answers[:-1]).sum(0)
        if (changes > 1).any():
            return None
        for i in range(width):
            column = answers[:, i]
            if column.all():
                limits[first + i] = -np.inf
            elif not column.any():
                limits[first + i] = np.inf
            elif column[-1]:
                limits[first + i] = sums[column.argmax()]
            else:
                limits[first + i] = sums[column.argmin() - 1]
                flips[first + i] = 1
    return limits, flips
