"""Quantised values, one byte each: how they are made, and products with weights of 1 to 8 bits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import kernels
from leveret.runtime._values import Value
from leveret.runtime._wholeconv import WholeConv2d, WholeLinear, check_levels
from leveret.runtime.ops._base import (
    EPILOGUE,
    Array,
    Choice,
    Op,
    Real,
    Whole,
    add_of,
    all_steps,
    byte_values,
    check_spare_bits,
    real_values,
)
from leveret.runtime.ops._conv import WINDOW, Convolution
from leveret.runtime.ops._linear import ONE_PLACE, Product

__all__ = ["ByteConv2d", "ByteLinear", "Int8Conv2d", "Int8Linear", "PlaneConv2d", "PlaneLinear", "Quantize"]

_ENCODING = Choice(("signs", "ternary", "twos_complement"), "twos_complement")
_BITS: dict[str, Any] = {"weight": (np.uint64, True), **EPILOGUE}
_BYTES: dict[str, Any] = {"weight": (np.int8, True), **EPILOGUE}


class Quantize(Op):
    """Floats to whole numbers: `clamp(round(x / step), low, high)`, ties to even."""

    name = "quantize"
    attributes: ClassVar = {"step": Real(1e-30, 1e30), "low": Whole(-128, 0, 0), "high": Whole(0, 255)}

    def infer(self) -> Value:
        first = real_values(self)
        try:
            levels = check_levels((self.values["low"], self.values["high"]))
        except LeveretUsageError as error:
            raise LeveretFormatError(str(error)) from None
        return Value(first.size, first.channels, levels=levels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return kernels.quantize(inputs[0], **self.values, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        step, low, high = (self.values[name] for name in ("step", "low", "high"))
        return native.module.engine_quantize(engine, inputs[0], step, low, high)


class _OnWhole(Op):
    """What convolutions and linear layers on quantised values share."""

    _kernel: Any

    @abstractmethod
    def _layer(self) -> Any:
        """The kernel's layer, with its weights laid out."""

    def prepare(self) -> None:
        self._kernel = self._layer()

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        add = inputs[1] if len(inputs) == 2 else None
        return self._kernel(inputs[0], **self.epilogue(), add=add, threads=threads)


class _WholeConvolution(_OnWhole, Convolution):
    """What convolutions of quantised images share."""

    attributes: ClassVar = WINDOW

    @abstractmethod
    def _layer(self) -> WholeConv2d: ...

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        height, width = self.inputs[0].size
        layer = self._layer()
        made = layer.native_layer(height, width)
        if made is None:
            return None
        row, steps = layer.window.as_row(height, width), tuple(all_steps(self).values())
        return native.module.engine_whole_conv(engine, inputs[0], add_of(inputs), made, row, steps)

    def macs(self) -> tuple[int, int]:
        return self._places() * self.weight_count, 0

    @property
    def weight_count(self) -> int:
        out, kh, kw = self.arrays["weight"].shape[-4:-1]
        return out * kh * kw * self._own()

    def _own(self) -> int:
        """Channels that a filter sees."""
        return self.inputs[0].channels // self.values["groups"]


class PlaneConv2d(_WholeConvolution):
    """Weights of 1 to 8 bits in planes `(planes, out, kernel_h, kernel_w, words)`; see `leveret.runtime.kernels`."""

    name = "plane_conv2d"
    attributes: ClassVar = {**WINDOW, "encoding": _ENCODING}
    tensors: ClassVar = _BITS

    def infer(self) -> Value:
        byte_values(self, 2)
        planes = _planes(self)
        output = self._output(planes[0], -(-self._own() // 64))
        check_spare_bits(planes, self._own())
        return output

    def _layer(self) -> WholeConv2d:
        image = self.inputs[0]
        encoding = self.values["encoding"]
        assert image.levels is not None
        return kernels.PlaneConv2d(self.arrays["weight"], image.channels, image.levels, encoding, **self._window())

    @property
    def bits(self) -> int:
        return len(self.arrays["weight"])


class ByteConv2d(_WholeConvolution):
    """Binary weights: bits `(out, kernel_h, kernel_w, ceil(in / groups / 64))`."""

    name = "byte_conv2d"
    tensors: ClassVar = _BITS

    def infer(self) -> Value:
        byte_values(self, 2)
        output = self._output(self.arrays["weight"], -(-self._own() // 64))
        check_spare_bits(self.arrays["weight"], self._own())
        return output

    def _layer(self) -> WholeConv2d:
        image = self.inputs[0]
        assert image.levels is not None
        planes = self.arrays["weight"][None]
        return kernels.PlaneConv2d(planes, image.channels, image.levels, "signs", **self._window())

    @property
    def bits(self) -> int:
        return 1


class Int8Conv2d(_WholeConvolution):
    """Weights of one byte: int8 `(out, kernel_h, kernel_w, in / groups)`."""

    name = "int8_conv2d"
    tensors: ClassVar = _BYTES

    def infer(self) -> Value:
        byte_values(self, 2)
        return self._output(self.arrays["weight"], self._own())

    def _layer(self) -> WholeConv2d:
        levels = self.inputs[0].levels
        assert levels is not None
        return kernels.Int8Conv2d(self.arrays["weight"], levels[0] < 0, **self._window())

    @property
    def bits(self) -> int:
        return 8


class _WholeProduct(_OnWhole, Product):
    """What linear layers on quantised rows share."""

    @abstractmethod
    def _layer(self) -> WholeLinear: ...

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        made = self._layer().native_layer()
        if made is None:
            return None
        steps = tuple(all_steps(self).values())
        return native.module.engine_whole_conv(engine, inputs[0], add_of(inputs), made, ONE_PLACE, steps)

    def macs(self) -> tuple[int, int]:
        return self.weight_count, 0

    @property
    def weight_count(self) -> int:
        return self.output.channels * self.inputs[0].channels


class PlaneLinear(_WholeProduct):
    """Weights of 1 to 8 bits in planes `(planes, out, words)`; see `leveret.runtime.kernels.PlaneConv2d`."""

    name = "plane_linear"
    attributes: ClassVar = {"encoding": _ENCODING}
    tensors: ClassVar = _BITS

    def infer(self) -> Value:
        features = byte_values(self, 0).channels
        planes = _planes(self)
        output = self._rows(planes[0], -(-features // 64))
        check_spare_bits(planes, features)
        return output

    def _layer(self) -> WholeLinear:
        row = self.inputs[0]
        assert row.levels is not None
        return kernels.PlaneLinear(self.arrays["weight"], row.channels, row.levels, self.values["encoding"])

    @property
    def bits(self) -> int:
        return len(self.arrays["weight"])


class ByteLinear(_WholeProduct):
    """Binary weights: bits `(out, ceil(in / 64))`."""

    name = "byte_linear"
    tensors: ClassVar = _BITS

    def infer(self) -> Value:
        features = byte_values(self, 0).channels
        output = self._output(-(-features // 64))
        check_spare_bits(self.arrays["weight"], features)
        return output

    def _layer(self) -> WholeLinear:
        row = self.inputs[0]
        assert row.levels is not None
        return kernels.PlaneLinear(self.arrays["weight"][None], row.channels, row.levels, "signs")

    @property
    def bits(self) -> int:
        return 1


class Int8Linear(_WholeProduct):
    """Weights of one byte: int8 `(out, in)`."""

    name = "int8_linear"
    tensors: ClassVar = _BYTES

    def infer(self) -> Value:
        return self._output(byte_values(self, 0).channels)

    def _layer(self) -> WholeLinear:
        levels = self.inputs[0].levels
        assert levels is not None
        return kernels.Int8Linear(self.arrays["weight"], levels[0] < 0)

    @property
    def bits(self) -> int:
        return 8


def _planes(op: Op) -> Array:
    """A weight whose planes are as many as its encoding has."""
    weight = op.arrays["weight"]
    if weight.ndim < 1 or not 1 <= len(weight) <= 8:
        raise LeveretFormatError(f"tensor 'weight' must have 1 to 8 planes first, got {weight.shape}")
    if op.values["encoding"] == "ternary" and len(weight) != 2:
        raise LeveretFormatError(f"ternary weights must have 2 planes, got {weight.shape}")
    return weight
