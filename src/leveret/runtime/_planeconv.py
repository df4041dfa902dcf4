"""Products of quantised values with weights in bit planes: signs, ternary, or a few bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import Floats, Words, check_spare_bits, filters_of
from leveret.runtime._geometry import Pair, Window, pair
from leveret.runtime._wholeconv import Values, WholeConv2d, WholeLinear, check_levels

__all__ = ["ByteConv2d", "ByteLinear", "PlaneConv2d", "PlaneLinear"]

_SIGNED, _UNSIGNED = (-128, 127), (0, 255)


class PlaneConv2d(WholeConv2d):
    """Convolution of quantised images with weights of 1 to 8 bits, kept as planes of bits.

    Args:
        weight: `(planes, out, kernel_h, kernel_w, ceil(in_channels / groups / 64))` uint64, spare bits 0. Bit b_j of
            plane j makes a weight
            - "signs": the sum of 2^j (2 b_j - 1), an odd number; one plane is a binary weight;
            - "ternary": 0 where b_0 is 0, else +1 where b_1 is 1 and -1 where it is 0; two planes;
            - "twos_complement": the sum of 2^j b_j, the last one taken off.
        in_channels: of the image, all groups together.
        levels: lowest and highest value of the image: `(0, 2^a - 1)` after a quantised ReLU of a bits, or below 0.
            Values beyond count as the nearest of both. Images are int8 where the lowest is below 0, else uint8.
        encoding: see `weight`.
        stride, padding, dilation, groups: as in `torch.nn.Conv2d`; padding is zero.
    """

    def __init__(
        self,
        weight: Words,
        in_channels: int,
        levels: Pair,
        encoding: str = "twos_complement",
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
    ) -> None:
        weight = np.ascontiguousarray(weight)
        self.out_channels = filters_of(weight.shape[1:], in_channels, groups)
        own = in_channels // groups
        words = -(-own // 64)
        if weight.dtype != np.uint64 or weight.shape[4] != words:
            raise LeveretUsageError(
                f"weight must be (planes, out, kernel_h, kernel_w, {words}) uint64, got {weight.shape} {weight.dtype}"
            )
        check_spare_bits(weight, own)
        self.levels = check_levels(levels)
        coefficients, constant = _parts(len(weight), encoding)
        self.weight = weight
        self.encoding = encoding
        self.in_channels = in_channels
        self.groups = groups
        self.window = Window(weight.shape[2:4], pair(stride), pair(padding), pair(dilation))
        self.dtype = np.int8 if self.levels[0] < 0 else np.uint8
        self._native = None
        taps = weight.shape[2] * weight.shape[3]
        # whole sums of 32 bits: beyond them the reference's doubles are exact still
        wide = taps * own * 2 ** len(weight) * 256 >= 2**31
        if not native.use_reference() and not wide:
            self._native = self._layer(coefficients, constant)

    def _layer(self, coefficients: list[int], constant: int) -> Any:
        """Planes, or bytes where those are quicker and hold the weights."""
        planes, outputs, kh, kw, words = self.weight.shape
        own = self.in_channels // self.groups
        least = constant + sum(min(c, 0) for c in coefficients)
        most = constant + sum(max(c, 0) for c in coefficients)
        if least >= -128 and most <= 127 and not native.module.planes_pay(planes, *self.levels):
            whole = reference.unpack_planes(self.weight, own, self.encoding).astype(np.int8)
            whole = whole.reshape(outputs, kh * kw, own)
            return native.module.IntConvLayer(whole, *self.levels, self.in_channels, self.groups)
        weight = _plus_and_minus(self.weight) if self.encoding == "ternary" else self.weight
        return native.module.PlaneConvLayer(
            weight.reshape(planes, outputs, kh * kw, words),
            coefficients,
            constant,
            *self.levels,
            self.in_channels,
            self.groups,
        )

    def _reference(self, x: Values) -> Floats:
        return reference.planeconv(
            x, self.weight, self.in_channels, self.levels, self.encoding, self.window, self.groups
        )


class ByteConv2d(PlaneConv2d):
    """Convolution of 8-bit images with binary filters: sums of what is added and what is taken off.

    Args:
        weight: `(out, kernel_h, kernel_w, ceil(in_channels / groups / 64))` uint64, spare bits 0; 1 is +1, 0 is -1.
        in_channels: of the image, all groups together.
        signed: images are int8, else uint8.
        stride, padding, dilation, groups: as in `torch.nn.Conv2d`; padding is zero.
    """

    def __init__(
        self,
        weight: Words,
        in_channels: int,
        signed: bool = False,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
    ) -> None:
        levels = _SIGNED if signed else _UNSIGNED
        super().__init__(weight[None], in_channels, levels, "signs", stride, padding, dilation, groups)


class PlaneLinear(WholeLinear):
    """Rows `(n, in)` with weights `(planes, out, ceil(in / 64))`; see `PlaneConv2d`."""

    def __init__(self, weight: Words, in_features: int, levels: Pair, encoding: str = "twos_complement") -> None:
        if weight.ndim != 3:
            raise LeveretUsageError(f"weight must be (planes, out, words), got {weight.shape}")
        super().__init__(PlaneConv2d(weight[:, :, None, None], in_features, levels, encoding))


class ByteLinear(WholeLinear):
    """Rows `(n, in)` of int8 or uint8 with binary weights `(out, ceil(in / 64))`; see `ByteConv2d`."""

    def __init__(self, weight: Words, in_features: int, signed: bool = False) -> None:
        if weight.ndim != 2:
            raise LeveretUsageError(f"weight must be (out, words), got {weight.shape}")
        super().__init__(ByteConv2d(weight[:, None, None], in_features, signed))


def _parts(planes: int, encoding: str) -> tuple[list[int], int]:
    """What a bit of each plane adds to a weight, and what a weight without bits is."""
    if encoding == "ternary":
        if planes != 2:
            raise LeveretUsageError(f"ternary weights must have 2 planes, got {planes}")
        return [1, -1], 0
    if not 1 <= planes <= 8:
        raise LeveretUsageError(f"weight must have 1 to 8 planes, got {planes}")
    if encoding == "signs":
        return [2 << j for j in range(planes)], 1 - (1 << planes)
    if encoding == "twos_complement":
        return [*(1 << j for j in range(planes - 1)), -(1 << planes - 1)], 0
    raise LeveretUsageError(f"encoding must be signs, ternary or twos_complement, got {encoding!r}")


def _plus_and_minus(weight: Words) -> Words:
    """Planes of +1 and of -1, from those of what is not 0 and of what is above 0."""
    mask, plus = weight
    return np.stack([mask & plus, mask & ~plus])
