"""Products with pruned weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import _native as native
from leveret.runtime import kernels
from leveret.runtime._values import Value
from leveret.runtime.ops._base import EPILOGUE, Array, Op, add_of, all_steps, real_values

__all__ = ["SparseLinear"]


class SparseLinear(Op):
    """A pruned linear layer or, on an image, a pruned 1x1 convolution; see `leveret.runtime.kernels.SparseLinear`."""

    name = "sparse_linear"
    takes = (1, 2)
    tensors: ClassVar = {
        "values": (np.float32, True),
        "columns": (np.uint32, True),
        "starts": (np.uint32, True),
        **EPILOGUE,
    }
    _kernel: kernels.SparseLinear

    def infer(self) -> Value:
        first = real_values(self)
        try:
            self._kernel = kernels.SparseLinear(*self._weights(), first.channels)
        except LeveretUsageError as error:
            raise LeveretFormatError(str(error)) from None
        output = Value(first.size, self._kernel.out_features)
        if len(self.inputs) == 2 and self.inputs[1] != output:
            raise LeveretFormatError(f"adds an input of shape {self.inputs[1].shape} to {output.shape}")
        self.check_epilogue(output.channels)
        return output

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        add = inputs[1] if len(inputs) == 2 else None
        return self._kernel(inputs[0], **self.epilogue(), add=add, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        steps = tuple(all_steps(self).values())
        return native.module.engine_sparse(engine, inputs[0], add_of(inputs), *self._weights(), steps)

    def macs(self) -> tuple[int, int]:
        places = 1
        for side in self.output.size:
            places *= side
        return places * self.weight_count, 0

    @property
    def weight_count(self) -> int:
        """Those that were not pruned."""
        return int(self.arrays["values"].size)

    def parameters(self, roles: Iterable[str]) -> int:
        return sum(self.arrays[role].size for role in roles if role == "values" or role in EPILOGUE)

    def _weights(self) -> tuple[Array, Array, Array]:
        return self.arrays["values"], self.arrays["columns"], self.arrays["starts"]
