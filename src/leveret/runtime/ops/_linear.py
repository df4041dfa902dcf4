"""Linear layers: real, with binary weights, and binary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime._geometry import Window
from leveret.runtime._values import Value
from leveret.runtime.ops._base import EPILOGUE, Array, Op, add_of, all_steps, bit_values, check_spare_bits, real_values

__all__ = ["ONE_PLACE", "BinaryWeightLinear", "BitLinear", "BitLinearToBits", "Linear", "Product"]


# a linear layer is a convolution of one place
ONE_PLACE = Window((1, 1)).as_row(1, 1)


class Product(Op):
    """What all linear layers share."""

    takes = (1, 2)
    _kernel: Any

    def _output(self, columns: int) -> Value:
        return self._rows(self.arrays["weight"], columns)

    def _rows(self, weight: Array, columns: int) -> Value:
        if weight.ndim != 2 or weight.shape[1] != columns or 0 in weight.shape:
            raise LeveretFormatError(
                f"weight must be (out, {columns}) for {self.inputs[0].channels} features, got {weight.shape}"
            )
        output = Value((), weight.shape[0])
        if len(self.inputs) == 2 and self.inputs[1] != output:
            raise LeveretFormatError(f"adds an input of shape {self.inputs[1].shape} to {output.shape}")
        self.check_epilogue(output.channels)
        return output


class Linear(Product):
    """Real product; weight `(out, in)`."""

    name = "linear"
    tensors: ClassVar = {"weight": (np.float32, True), **EPILOGUE}

    def infer(self) -> Value:
        return self._output(real_values(self, 0).channels)

    def prepare(self) -> None:
        self._kernel = kernels.Linear(self._real_weight())

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        add = inputs[1] if len(inputs) == 2 else None
        return self._kernel(inputs[0], **self.epilogue(), add=add, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        weight = np.ascontiguousarray(self._real_weight())[:, None]
        return engine.conv(inputs[0], add_of(inputs), weight, ONE_PLACE, 1, False, **all_steps(self))

    def macs(self) -> tuple[int, int]:
        return self.inputs[0].channels * self.output.channels, 0

    def _real_weight(self) -> Array:
        return self.arrays["weight"]


class BinaryWeightLinear(Linear):
    """Real inputs, binary weights: bits in the file, `(out, ceil(in / 64))`, ±1 at work."""

    name = "binary_weight_linear"
    tensors: ClassVar = {"weight": (np.uint64, True), **EPILOGUE}

    def infer(self) -> Value:
        return self._output(-(-real_values(self, 0).channels // 64))

    @property
    def bits(self) -> int:
        return 1

    @property
    def weight_count(self) -> int:
        return self.arrays["weight"].shape[0] * self.inputs[0].channels

    def _real_weight(self) -> Array:
        return kernels.unpack_bits(self.arrays["weight"], self.inputs[0].channels)


class BitLinear(Product):
    """Binary inputs and weights, real sums through the epilogue."""

    name = "bit_linear"
    tensors: ClassVar = {"weight": (np.uint64, True), **EPILOGUE}

    def infer(self) -> Value:
        if other := [value.kind for value in self.inputs[1:] if value.kind != "floats"]:
            raise LeveretFormatError(f"adds floats, got {other[0]}")
        features = bit_values(self, 0).channels
        output = self._output(-(-features // 64))
        check_spare_bits(self.arrays["weight"], features)
        return output

    def prepare(self) -> None:
        self._kernel = kernels.BitLinear(self.arrays["weight"], self.inputs[0].channels)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        add = inputs[1] if len(inputs) == 2 else None
        return self._kernel.real(inputs[0], **self.epilogue(), add=add, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        layer = kernels.BitConv2d(self.arrays["weight"][:, None, None], self.inputs[0].channels, prepare=False)
        if not layer.fits_native:
            return None
        return engine.bit_conv(inputs[0], add_of(inputs), layer.weight[:, 0], ONE_PLACE, 1, **all_steps(self))

    def macs(self) -> tuple[int, int]:
        return 0, self.inputs[0].channels * self.output.channels

    @property
    def bits(self) -> int:
        return 1

    @property
    def weight_count(self) -> int:
        return self.arrays["weight"].shape[0] * self.inputs[0].channels


class BitLinearToBits(BitLinear):
    """A `bit_linear` whose sums are at once compared with thresholds: BatchNorm and sign folded into it."""

    name = "bit_linear_to_bits"
    takes = (1, 1)
    tensors: ClassVar = {
        "weight": (np.uint64, True),
        "threshold": (np.float32, True),
        "flip": (np.uint8, True),
    }

    def infer(self) -> Value:
        real = super().infer()
        self.check_epilogue(real.channels, ("threshold", "flip"))
        return Value((), real.channels, bits=True)

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        return self._kernel.bits(inputs[0], self.arrays["threshold"], self.arrays["flip"], threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        layer = kernels.BitConv2d(self.arrays["weight"][:, None, None], self.inputs[0].channels, prepare=False)
        if not layer.fits_native:
            return None
        return engine.bit_conv_to_bits(
            inputs[0], layer.weight[:, 0], ONE_PLACE, self.arrays["threshold"], self.arrays["flip"]
        )
