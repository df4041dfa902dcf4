"""Signs as bits, and products of binary values with binary weights."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import reference
from leveret.runtime._arguments import (
    Channels,
    Floats,
    LaterSteps,
    Words,
    check_spare_bits,
    epilogue,
    filters_of,
    floats,
    kernel_of,
    of_shape,
    per_channel,
)
from leveret.runtime._geometry import Pair, Window, pair

__all__ = ["BitConv2d", "BitLinear", "pack_bits", "sums_fit", "unpack_bits"]


def pack_bits(
    x: Floats, threshold: Channels = None, flip: NDArray[np.uint8] | None = None, *, threads: int = 0
) -> Words:
    """`(…, c)` float32 to `(…, ceil(c / 64))` uint64: bit i of word j is `x[…, 64 j + i] >= threshold`.

    Args:
        x: of any number of dimensions.
        threshold: `(c,)`; default 0.
        flip: `(c,)` uint8; where set the bit is `x <= threshold` instead.
    """
    x = floats("x", x)
    channels = x.shape[-1] if x.ndim else 0
    if channels == 0:
        raise LeveretUsageError(f"x must have channels last, at least one, got shape {x.shape}")
    threshold = per_channel("threshold", threshold, channels)
    if flip is not None:
        flip = of_shape("flip", flip, (channels,), np.uint8)
    if native.use_reference():
        return reference.pack_bits(x, threshold, flip)
    out = np.empty((*x.shape[:-1], -(-channels // 64)), np.uint64)
    native.module.pack(x, channels, threshold, flip, out, threads)
    return out


def unpack_bits(bits: Words, channels: int) -> Floats:
    """`(…, words)` uint64 to `(…, channels)` float32 of ±1."""
    return reference.unpack_bits(bits, channels)


def sums_fit(channels: int, taps: int) -> bool:
    """Whether the kernels can hold sums of the signs of so many channels under so many taps.

    The table look-up adds in int16. Beyond that the reference's floats are exact still, up to 2^24.
    """
    return taps * -(-channels // 4) <= 16_000


class BitConv2d:
    """Convolution of binary images with binary filters.

    Args:
        weight: `(out, kernel_h, kernel_w, ceil(in_channels / groups / 64))` uint64. Its spare bits, those past the last
            channel, are 0, as `pack_bits` leaves them; so are those of the images it is given.
        in_channels: of the image, all groups together.
        stride, padding, dilation, groups: as in `torch.nn.Conv2d`. Padding is zero: neither +1 nor −1.
        prepare: lay out the weights for the kernels; without it the layer only checks them.

    Attributes:
        fits_native: whether the kernels can hold its sums.
    """

    def __init__(
        self,
        weight: Words,
        in_channels: int,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        *,
        prepare: bool = True,
    ) -> None:
        weight = np.ascontiguousarray(weight)
        self.out_channels = filters_of(weight.shape, in_channels, groups)
        words = -(-in_channels // groups // 64)
        if weight.dtype != np.uint64 or weight.shape[3] != words:
            raise LeveretUsageError(
                f"weight must be (out, kernel_h, kernel_w, {words}) uint64, got {weight.shape} {weight.dtype}"
            )
        check_spare_bits(weight, in_channels // groups)
        self.weight = weight
        self.in_channels = in_channels
        self.groups = groups
        self.window = Window(kernel_of(weight.shape), pair(stride), pair(padding), pair(dilation))
        self._native: Any = None
        taps = weight.shape[1] * weight.shape[2]
        self.fits_native = sums_fit(in_channels // groups, taps)
        if prepare and not native.use_reference() and self.fits_native:
            self._native = native.module.BitConvLayer(weight.reshape(len(weight), taps, words), in_channels, groups)

    def real(
        self,
        bits: Words,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """`(n, h, w, ceil(in / 64))` to sums `(n, out_h, out_w, out)` float32, through the epilogue."""
        bits = self._checked(bits)
        shape = (len(bits), *self.window.out(*bits.shape[1:3]), self.out_channels)
        steps = epilogue(shape, scale, shift, **later)
        if self._native is None:
            sums = reference.bitconv(bits, self.weight, self.in_channels, self.window, self.groups)
            return reference.affine(sums, **steps)
        out = np.empty(shape, np.float32)
        self._native.real(bits, self.window.as_row(*bits.shape[1:3]), **steps, out=out, threads=threads)
        return out

    def bits(self, bits: Words, threshold: Floats, flip: NDArray[np.uint8], *, threads: int = 0) -> Words:
        """Signs of thresholded sums, `(n, out_h, out_w, ceil(out / 64))`: the next layer's input, never a float.

        A bit is `sum >= threshold`, or `sum <= threshold` where `flip`.
        """
        if self._native is None or self.groups > 1:
            return pack_bits(self.real(bits, threads=threads), threshold, flip, threads=threads)
        bits = self._checked(bits)
        limits = of_shape("threshold", threshold, (self.out_channels,), np.float32)
        flips = of_shape("flip", flip, (self.out_channels,), np.uint8)
        out_h, out_w = self.window.out(*bits.shape[1:3])
        out = np.empty((len(bits), out_h, out_w, -(-self.out_channels // 64)), np.uint64)
        self._native.bits(bits, self.window.as_row(*bits.shape[1:3]), limits, flips, out, threads)
        return out

    def _checked(self, bits: Words) -> Words:
        words = -(-self.in_channels // 64)
        if bits.ndim != 4 or bits.shape[3] != words or bits.dtype != np.uint64:
            raise LeveretUsageError(f"bits must be (n, h, w, {words}) uint64, got {bits.shape} {bits.dtype}")
        return np.ascontiguousarray(bits)


class BitLinear:
    """Products of binary rows with binary rows: `(n, ceil(in / 64))` uint64 with `(out, ceil(in / 64))`."""

    def __init__(self, weight: Words, in_features: int) -> None:
        if weight.ndim != 2:
            raise LeveretUsageError(f"weight must be (out, words), got {weight.shape}")
        self._conv = BitConv2d(weight[:, None, None], in_features)

    def real(
        self,
        bits: Words,
        scale: Channels = None,
        shift: Channels = None,
        *,
        threads: int = 0,
        **later: Unpack[LaterSteps],
    ) -> Floats:
        """Sums `(n, out)` float32, through the epilogue."""
        if (add := later.get("add")) is not None:
            later["add"] = add[:, None, None]
        return self._conv.real(self._as_image(bits), scale, shift, threads=threads, **later)[:, 0, 0]

    def bits(self, bits: Words, threshold: Floats, flip: NDArray[np.uint8], *, threads: int = 0) -> Words:
        """Signs of thresholded sums, `(n, ceil(out / 64))`."""
        return self._conv.bits(self._as_image(bits), threshold, flip, threads=threads)[:, 0, 0]

    @staticmethod
    def _as_image(bits: Words) -> Words:
        if bits.ndim != 2:
            raise LeveretUsageError(f"bits must be (n, words), got {bits.shape}")
        return bits[:, None, None]
