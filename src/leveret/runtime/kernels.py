"""The kernels that packed nets run on: native where they were compiled, else their numpy references.

All arrays are channels last and C-contiguous (others are copied). Signs are +1 where `x >= 0`, else −1. `threads=0`
takes `LEVERET_THREADS`, or every core. `LEVERET_ISA` chooses the instruction set: one of `available_isas()`;
"reference" is numpy.

What a convolution, or `affine` alone, does with its sums before they are stored, every step optional:
`v = fma(sum, scale, shift);  v += add;  v += before;  v = v > 0 ? v : v · slope;  v += after` — `add` has the output's
shape, the others a value per channel. Each step rounds as PyTorch's own operators do.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leveret.errors import LeveretUsageError
from leveret.runtime import reference
from leveret.runtime._geometry import Pair, Window, pair

try:
    from leveret.runtime import _kernels as native
except ImportError:  # no compiler was at hand
    native = None  # type: ignore[assignment]

__all__ = [
    "BitConv2d",
    "BitLinear",
    "Conv2d",
    "Linear",
    "Peaks",
    "affine",
    "available_isas",
    "avg_pool2d",
    "default_threads",
    "isa",
    "max_pool2d",
    "pack_bits",
    "peaks",
    "set_isa",
    "unpack_bits",
]

Floats = NDArray[np.float32]
Words = NDArray[np.uint64]
Channels = NDArray[np.float32] | None


class Peaks(NamedTuple):
    """The most multiply-accumulates a second that one core can do: on bits, on floats."""

    binary_macs: float
    float_macs: float


_use_reference = native is None or os.environ.get("LEVERET_ISA") == "reference"


def available_isas() -> list[str]:
    """Instruction sets that this machine can run, the best first; "reference" is numpy."""
    return [*(native.available_isas() if native is not None else []), "reference"]


def isa() -> str:
    """The instruction set in use.

    Raises:
        LeveretUsageError: `LEVERET_ISA` names one that this machine lacks.
    """
    wish = os.environ.get("LEVERET_ISA", "")
    if native is None and wish not in ("", "reference"):
        raise LeveretUsageError(f"LEVERET_ISA must be reference where no kernels were compiled, got {wish!r}")
    if _use_reference:
        return "reference"
    try:
        return native.isa()
    except ValueError as error:
        raise LeveretUsageError(str(error)) from None


def set_isa(name: str) -> None:
    """Use another instruction set from now on; layers that were made keep theirs.

    Raises:
        LeveretUsageError: this machine lacks it.
    """
    global _use_reference
    if name not in available_isas():
        raise LeveretUsageError(f"the instruction set must be one of {', '.join(available_isas())}, got {name!r}")
    _use_reference = name == "reference"
    if not _use_reference:
        native.set_isa(name)


def default_threads() -> int:
    """How many threads `threads=0` means."""
    if native is not None:
        return native.default_threads()
    given = os.environ.get("LEVERET_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else os.cpu_count() or 1


def peaks(seconds: float = 0.05) -> Peaks | None:
    """Measure, for `seconds` each, what a core can do with the set in use; None with "reference"."""
    return None if _use_reference else Peaks(*native.peaks(seconds))


def pack_bits(
    x: Floats, threshold: Channels = None, flip: NDArray[np.uint8] | None = None, *, threads: int = 0
) -> Words:
    """`(…, c)` float32 to `(…, ceil(c / 64))` uint64: bit i of word j is `x[…, 64 j + i] >= threshold`.

    Args:
        x: of any number of dimensions.
        threshold: `(c,)`; default 0.
        flip: `(c,)` uint8; where set the bit is `x <= threshold` instead.
    """
    x = _floats("x", x)
    channels = x.shape[-1] if x.ndim else 0
    if channels == 0:
        raise LeveretUsageError(f"x must have channels last, at least one, got shape {x.shape}")
    threshold = _per_channel("threshold", threshold, channels)
    if flip is not None:
        flip = _of_shape("flip", flip, (channels,), np.uint8)
    if _use_reference:
        return reference.pack_bits(x, threshold, flip)
    out = np.empty((*x.shape[:-1], -(-channels // 64)), np.uint64)
    native.pack(x, channels, threshold, flip, out, threads)
    return out


def unpack_bits(bits: Words, channels: int) -> Floats:
    """`(…, words)` uint64 to `(…, channels)` float32 of ±1."""
    return reference.unpack_bits(bits, channels)


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
        self.out_channels = _filters(weight.shape, in_channels, groups)
        words = -(-in_channels // groups // 64)
        if weight.dtype != np.uint64 or weight.shape[3] != words:
            raise LeveretUsageError(
                f"weight must be (out, kernel_h, kernel_w, {words}) uint64, got {weight.shape} {weight.dtype}"
            )
        used = in_channels // groups % 64
        if used and (weight[..., -1] >> np.uint64(used)).any():
            raise LeveretUsageError(f"weight must have its bits past channel {in_channels // groups - 1} zero")
        self.weight = weight
        self.in_channels = in_channels
        self.groups = groups
        self.window = Window(_kernel(weight.shape), pair(stride), pair(padding), pair(dilation))
        self._native: Any = None
        taps = weight.shape[1] * weight.shape[2]
        # int16 sums of the table look-up: beyond this the reference's floats are exact still, up to 2^24
        self.fits_native = taps * -(-in_channels // groups // 4) <= 16_000
        if prepare and not _use_reference and self.fits_native:
            self._native = native.BitConvLayer(weight.reshape(len(weight), taps, words), in_channels, groups)

    def real(
        self,
        bits: Words,
        scale: Channels = None,
        shift: Channels = None,
        *,
        add: Floats | None = None,
        before: Channels = None,
        slope: Channels = None,
        after: Channels = None,
        threads: int = 0,
    ) -> Floats:
        """`(n, h, w, ceil(in / 64))` to sums `(n, out_h, out_w, out)` float32, through the epilogue."""
        bits = self._checked(bits)
        shape = (len(bits), *self.window.out(*bits.shape[1:3]), self.out_channels)
        steps = _epilogue(shape, scale, shift, add, before, slope, after)
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
        limits = _of_shape("threshold", threshold, (self.out_channels,), np.float32)
        flips = _of_shape("flip", flip, (self.out_channels,), np.uint8)
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
        add: Floats | None = None,
        before: Channels = None,
        slope: Channels = None,
        after: Channels = None,
        threads: int = 0,
    ) -> Floats:
        """Sums `(n, out)` float32, through the epilogue."""
        more = None if add is None else add[:, None, None]
        out = self._conv.real(
            self._as_image(bits), scale, shift, add=more, before=before, slope=slope, after=after, threads=threads
        )
        return out[:, 0, 0]

    def bits(self, bits: Words, threshold: Floats, flip: NDArray[np.uint8], *, threads: int = 0) -> Words:
        """Signs of thresholded sums, `(n, ceil(out / 64))`."""
        return self._conv.bits(self._as_image(bits), threshold, flip, threads=threads)[:, 0, 0]

    @staticmethod
    def _as_image(bits: Words) -> Words:
        if bits.ndim != 2:
            raise LeveretUsageError(f"bits must be (n, words), got {bits.shape}")
        return bits[:, None, None]


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
        self.weight = _floats("weight", weight)
        if self.weight.ndim != 4:
            raise LeveretUsageError(f"weight must be (out, kernel_h, kernel_w, in / groups), got {self.weight.shape}")
        self.in_channels = self.weight.shape[3] * groups
        self.out_channels = _filters(self.weight.shape, self.in_channels, groups)
        self.groups = groups
        self.window = Window(_kernel(self.weight.shape), pair(stride), pair(padding), pair(dilation))
        self._native: Any = None
        if not _use_reference:
            out, kh, kw, own = self.weight.shape
            self._native = native.FloatConvLayer(
                self.weight.reshape(out, kh * kw, own), self.in_channels, groups, exact
            )

    def __call__(
        self,
        x: Floats,
        scale: Channels = None,
        shift: Channels = None,
        *,
        add: Floats | None = None,
        before: Channels = None,
        slope: Channels = None,
        after: Channels = None,
        threads: int = 0,
    ) -> Floats:
        """`(n, h, w, in)` to `(n, out_h, out_w, out)`, through the epilogue; a bias is its `shift`."""
        x = _floats("x", x)
        if x.ndim != 4 or x.shape[3] != self.in_channels:
            raise LeveretUsageError(f"x must be (n, h, w, {self.in_channels}), got {x.shape}")
        shape = (len(x), *self.window.out(*x.shape[1:3]), self.out_channels)
        steps = _epilogue(shape, scale, shift, add, before, slope, after)
        if self._native is None:
            return reference.affine(reference.floatconv(x, self.weight, self.window, self.groups, self.exact), **steps)
        out = np.empty(shape, np.float32)
        self._native.run(x, self.window.as_row(*x.shape[1:3]), **steps, out=out, threads=threads)
        return out


class Linear:
    """`x @ weight.T`: rows `(n, in)`, weights `(out, in)` float32; the product is numpy's."""

    def __init__(self, weight: Floats) -> None:
        self.weight = _floats("weight", weight)
        if self.weight.ndim != 2:
            raise LeveretUsageError(f"weight must be (out, in), got {self.weight.shape}")

    def __call__(
        self,
        x: Floats,
        scale: Channels = None,
        shift: Channels = None,
        *,
        add: Floats | None = None,
        before: Channels = None,
        slope: Channels = None,
        after: Channels = None,
        threads: int = 0,
    ) -> Floats:
        """`(n, in)` to `(n, out)`, through the epilogue."""
        x = _floats("x", x)
        if x.ndim != 2 or x.shape[1] != self.weight.shape[1]:
            raise LeveretUsageError(f"x must be (n, {self.weight.shape[1]}), got {x.shape}")
        return affine(
            x @ self.weight.T, scale, shift, add=add, before=before, slope=slope, after=after, threads=threads
        )


def affine(
    x: Floats,
    scale: Channels = None,
    shift: Channels = None,
    *,
    add: Floats | None = None,
    before: Channels = None,
    slope: Channels = None,
    after: Channels = None,
    threads: int = 0,
) -> Floats:
    """The epilogue alone, on `(…, c)` float32."""
    x = _floats("x", x)
    steps = _epilogue(x.shape, scale, shift, add, before, slope, after)
    if _use_reference or x.size == 0:
        return reference.affine(x, **steps)
    out = np.empty_like(x)
    native.affine(x, x.shape[-1], **steps, out=out, threads=threads)
    return out


def max_pool2d(
    x: Floats,
    kernel: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    *,
    ceil_mode: bool = False,
    threads: int = 0,
) -> Floats:
    """The largest value under each window of `(n, h, w, c)`; the arguments as in `torch.nn.MaxPool2d`."""
    window = _pool_window(kernel, stride, padding, dilation, ceil_mode)
    x = _image(x)
    if _use_reference:
        return reference.max_pool2d(x, window)
    return _pooled(x, window, False, True, threads)


def avg_pool2d(
    x: Floats,
    kernel: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    threads: int = 0,
) -> Floats:
    """The mean under each window of `(n, h, w, c)`; the arguments as in `torch.nn.AvgPool2d`."""
    window = _pool_window(kernel, stride, padding, 1, ceil_mode)
    x = _image(x)
    if _use_reference:
        return reference.avg_pool2d(x, window, count_include_pad)
    return _pooled(x, window, True, count_include_pad, threads)


def _pool_window(
    kernel: int | Pair, stride: int | Pair | None, padding: int | Pair, dilation: int | Pair, ceil_mode: bool
) -> Window:
    window = Window(pair(kernel), pair(kernel if stride is None else stride), pair(padding), pair(dilation), ceil_mode)
    if any(2 * p > k for p, k in zip(window.padding, window.kernel, strict=True)):
        raise LeveretUsageError(f"padding must be at most half of the kernel {window.kernel}, got {window.padding}")
    return window


def _pooled(x: Floats, window: Window, average: bool, count_padding: bool, threads: int) -> Floats:
    out = np.empty((len(x), *window.out(*x.shape[1:3]), x.shape[3]), np.float32)
    native.pool(x, window.as_row(*x.shape[1:3]), average, count_padding, out, threads)
    return out


def _floats(name: str, x: Any) -> Floats:
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        raise LeveretUsageError(f"{name} must be a float32 array, got {getattr(x, 'dtype', type(x).__name__)}")
    return np.ascontiguousarray(x)


def _image(x: Any) -> Floats:
    x = _floats("x", x)
    if x.ndim != 4:
        raise LeveretUsageError(f"x must be (n, h, w, c), got {x.shape}")
    return x


def _of_shape(name: str, x: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    x = np.ascontiguousarray(x)
    if x.shape != shape or x.dtype != dtype:
        raise LeveretUsageError(f"{name} must be {shape} {np.dtype(dtype)}, got {x.shape} {x.dtype}")
    return x


def _per_channel(name: str, x: Channels, channels: int) -> Channels:
    return None if x is None else _of_shape(name, x, (channels,), np.float32)


def _epilogue(
    shape: tuple[int, ...],
    scale: Channels,
    shift: Channels,
    add: Floats | None,
    before: Channels,
    slope: Channels,
    after: Channels,
) -> dict[str, Any]:
    channels = shape[-1]
    return {
        "scale": _per_channel("scale", scale, channels),
        "shift": _per_channel("shift", shift, channels),
        "add": None if add is None else _of_shape("add", add, shape, np.float32),
        "before": _per_channel("before", before, channels),
        "slope": _per_channel("slope", slope, channels),
        "after": _per_channel("after", after, channels),
    }


def _kernel(shape: tuple[int, ...]) -> Pair:
    return shape[1], shape[2]


def _filters(shape: tuple[int, ...], in_channels: int, groups: int) -> int:
    if len(shape) != 4 or groups < 1 or in_channels < 1 or in_channels % groups or shape[0] % groups or 0 in shape:
        raise LeveretUsageError(
            f"weight must be (out, kernel_h, kernel_w, …) with out and in_channels multiples of groups, got {shape}, "
            f"in_channels {in_channels}, groups {groups}"
        )
    return shape[0]
