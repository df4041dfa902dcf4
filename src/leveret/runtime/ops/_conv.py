"""Convolutions: real, with binary weights, and binary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import kernels
from leveret.runtime._geometry import Pair, Window
from leveret.runtime._values import Value
from leveret.runtime.ops._base import (
    EPILOGUE,
    Array,
    Flag,
    Op,
    PairOf,
    Whole,
    add_of,
    all_steps,
    bit_values,
    check_spare_bits,
    real_values,
)

__all__ = ["WINDOW", "BinaryWeightConv2d", "BitConv2d", "BitConv2dToBits", "Conv2d", "Convolution"]

_SIDE = 4096
WINDOW = {
    "stride": PairOf(1, _SIDE, (1, 1)),
    "padding": PairOf(0, _SIDE, (0, 0)),
    "dilation": PairOf(1, _SIDE, (1, 1)),
    "groups": Whole(1, 1 << 20, 1),
}


class Convolution(Op):
    """What all convolutions share: windows, groups, and an epilogue with an optional added input."""

    takes = (1, 2)
    _kernel: Any

    def _output(self, weight: Array, own_last: int | None) -> Value:
        """`own_last`: what the weight's last side must be; None leaves it to the caller."""
        image = self.inputs[0]
        groups = self.values["groups"]
        if weight.ndim != 4 or 0 in weight.shape:
            raise LeveretFormatError(f"weight must be (out, kernel_h, kernel_w, …), got {weight.shape}")
        outputs = weight.shape[0]
        if image.channels % groups or outputs % groups:
            raise LeveretFormatError(f"{image.channels} channels and {outputs} outputs don't divide by {groups} groups")
        if own_last is not None and weight.shape[3] != own_last:
            raise LeveretFormatError(f"weight must end in {own_last} for {image.channels} channels, got {weight.shape}")
        kernel: Pair = weight.shape[1], weight.shape[2]
        try:
            window = Window(kernel, self.values["stride"], self.values["padding"], self.values["dilation"])
            size = window.out(*image.size)
        except LeveretUsageError as error:
            raise LeveretFormatError(str(error)) from None
        # kernels may lay the image out with its padding
        down, across = window.padding
        Value((image.size[0] + 2 * down, image.size[1] + 2 * across), image.channels)
        output = Value(size, outputs)
        if len(self.inputs) == 2 and self.inputs[1] != output:
            raise LeveretFormatError(f"adds an input of shape {self.inputs[1].shape} to {output.shape}")
        self.check_epilogue(outputs)
        return output

    def _places(self) -> int:
        return self.output.size[0] * self.output.size[1]

    def _window(self) -> dict[str, Any]:
        return {name: self.values[name] for name in WINDOW}

    def _window_row(self) -> tuple[int, ...]:
        """The window on this image, as native kernels take it."""
        kernel: Pair = self.arrays["weight"].shape[1:3]
        window = Window(kernel, self.values["stride"], self.values["padding"], self.values["dilation"])
        return window.as_row(*self.inputs[0].size)


class Conv2d(Convolution):
    """Real convolution; weight `(out, kernel_h, kernel_w, in / groups)`. `exact` adds in double and rounds once."""

    name = "conv2d"
    attributes: ClassVar = {**WINDOW, "exact": Flag()}
    tensors: ClassVar = {"weight": (np.float32, True), **EPILOGUE}

    def infer(self) -> Value:
        channels = real_values(self, 2).channels
        return self._output(self.arrays["weight"], channels // self.values["groups"])

    def prepare(self) -> None:
        self._kernel = kernels.Conv2d(self._real_weight(), exact=self.values["exact"], **self._window())

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        add = inputs[1] if len(inputs) == 2 else None
        return self._kernel(inputs[0], **self.epilogue(), add=add, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        weight = self._real_weight()
        return engine.conv(
            inputs[0],
            add_of(inputs),
            _by_taps(weight),
            self._window_row(),
            self.values["groups"],
            self.values["exact"],
            **all_steps(self),
        )

    def macs(self) -> tuple[int, int]:
        own = self.inputs[0].channels // self.values["groups"]
        taps = self.arrays["weight"].shape[1] * self.arrays["weight"].shape[2]
        return self._places() * self.output.channels * own * taps, 0

    def _real_weight(self) -> Array:
        return self.arrays["weight"]


class BinaryWeightConv2d(Conv2d):
    """Real inputs, binary weights: in the file bits `(out, kernel_h, kernel_w, ceil(in / groups / 64))`, at work ±1."""

    name = "binary_weight_conv2d"
    tensors: ClassVar = {"weight": (np.uint64, True), **EPILOGUE}

    def infer(self) -> Value:
        own = real_values(self, 2).channels // self.values["groups"]
        return self._output(self.arrays["weight"], -(-own // 64))

    @property
    def bits(self) -> int:
        return 1

    @property
    def weight_count(self) -> int:
        out, kh, kw, _ = self.arrays["weight"].shape
        return out * kh * kw * (self.inputs[0].channels // self.values["groups"])

    def _real_weight(self) -> Array:
        return kernels.unpack_bits(self.arrays["weight"], self.inputs[0].channels // self.values["groups"])


class BitConv2d(Convolution):
    """Binary inputs and weights, real sums through the epilogue."""

    name = "bit_conv2d"
    attributes: ClassVar = WINDOW
    tensors: ClassVar = {"weight": (np.uint64, True), **EPILOGUE}

    def infer(self) -> Value:
        own = bit_values(self, 2).channels // self.values["groups"]
        if other := [value.kind for value in self.inputs[1:] if value.kind != "floats"]:
            raise LeveretFormatError(f"adds floats, got {other[0]}")
        output = self._output(self.arrays["weight"], -(-own // 64))
        check_spare_bits(self.arrays["weight"], own)
        return output

    def prepare(self) -> None:
        self._kernel = kernels.BitConv2d(self.arrays["weight"], self.inputs[0].channels, **self._window())

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        add = inputs[1] if len(inputs) == 2 else None
        return self._kernel.real(inputs[0], **self.epilogue(), add=add, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        weight = self._checked_bits()
        if weight is None:
            return None
        return engine.bit_conv(
            inputs[0], add_of(inputs), weight, self._window_row(), self.values["groups"], **all_steps(self)
        )

    def _checked_bits(self) -> Array | None:
        """The weights for a native layer; None if their sums are too large for it."""
        layer = kernels.BitConv2d(self.arrays["weight"], self.inputs[0].channels, **self._window(), prepare=False)
        return _by_taps(layer.weight) if layer.fits_native else None

    def macs(self) -> tuple[int, int]:
        out, kh, kw, _ = self.arrays["weight"].shape
        return 0, self._places() * out * kh * kw * (self.inputs[0].channels // self.values["groups"])

    @property
    def bits(self) -> int:
        return 1

    @property
    def weight_count(self) -> int:
        out, kh, kw, _ = self.arrays["weight"].shape
        return out * kh * kw * (self.inputs[0].channels // self.values["groups"])


class BitConv2dToBits(BitConv2d):
    """A `bit_conv2d` whose sums are at once compared with thresholds: BatchNorm and sign folded into it."""

    name = "bit_conv2d_to_bits"
    takes = (1, 1)
    tensors: ClassVar = {
        "weight": (np.uint64, True),
        "threshold": (np.float32, True),
        "flip": (np.uint8, True),
    }

    def infer(self) -> Value:
        real = super().infer()
        self.check_epilogue(real.channels, ("threshold", "flip"))
        return Value(real.size, real.channels, bits=True)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return self._kernel.bits(inputs[0], self.arrays["threshold"], self.arrays["flip"], threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        weight = self._checked_bits()
        if weight is None or self.values["groups"] > 1:
            return None
        return engine.bit_conv_to_bits(
            inputs[0], weight, self._window_row(), self.arrays["threshold"], self.arrays["flip"]
        )


def _by_taps(weight: Array) -> Array:
    """`(out, kernel_h, kernel_w, …)` to `(out, taps, …)`, contiguous."""
    return np.ascontiguousarray(weight).reshape(len(weight), -1, weight.shape[3])
