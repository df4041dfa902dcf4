"""Transposed convolution: each input pixel leaves its own small image in the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime._values import MOST_ELEMENTS, Value
from leveret.runtime.ops._base import EPILOGUE, Array, Op, PairOf, Whole, real_values

__all__ = ["ConvTranspose2d"]

_SIDE = 4096


class ConvTranspose2d(Op):
    """Transposed convolution; weight `(in, kernel_h, kernel_w, out / groups)`."""

    name = "conv_transpose2d"
    takes = (1, 2)
    attributes: ClassVar = {
        "stride": PairOf(1, _SIDE, (1, 1)),
        "padding": PairOf(0, _SIDE, (0, 0)),
        "output_padding": PairOf(0, _SIDE, (0, 0)),
        "dilation": PairOf(1, _SIDE, (1, 1)),
        "groups": Whole(1, 1 << 20, 1),
    }
    tensors: ClassVar = {"weight": (np.float32, True), **EPILOGUE}

    def infer(self) -> Value:
        image, weight, groups = real_values(self, 2), self.arrays["weight"], self.values["groups"]
        if weight.ndim != 4 or 0 in weight.shape or len(weight) != image.channels or image.channels % groups:
            raise LeveretFormatError(
                f"weight must be ({image.channels}, kernel_h, kernel_w, out / groups) in {groups} groups, "
                f"got {weight.shape}"
            )
        outputs = weight.shape[3] * groups
        # what all pixels leave, before the padding is cut off
        height, width = (self._reach(axis) for axis in (0, 1))
        if image.size[0] * image.size[1] * weight.shape[2] * outputs > MOST_ELEMENTS:
            raise LeveretFormatError(f"a kernel of {weight.shape} over {image.shape} is far too large")
        self._whole = Value((height, width), outputs).size
        down, across = (2 * p for p in self.values["padding"])
        if down >= height or across >= width:
            raise LeveretFormatError(f"cuts {self.values['padding']} off an image of {height}x{width}")
        output = Value((height - down, width - across), outputs)
        if len(self.inputs) == 2 and self.inputs[1] != output:
            raise LeveretFormatError(f"adds an input of shape {self.inputs[1].shape} to {output.shape}")
        self.check_epilogue(outputs)
        return output

    def prepare(self) -> None:
        inputs, height, width, own = self.arrays["weight"].shape
        groups = self.values["groups"]
        grouped = self.arrays["weight"].reshape(groups, inputs // groups, height, width * own)
        self._rows = np.ascontiguousarray(grouped.transpose(2, 0, 1, 3))
        # one filter per channel, as upsampling has it
        self._each_alone = groups == inputs and own == 1

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        x, groups = inputs[0], self.values["groups"]
        n, height, width, channels = x.shape
        _, _, taps, own = self.arrays["weight"].shape
        (sy, sx), (dy, dx) = self.values["stride"], self.values["dilation"]
        pixels = np.ascontiguousarray(x.reshape(-1, groups, channels // groups).transpose(1, 0, 2))
        out = np.zeros((n, *self._whole, groups, own), np.float32)
        for ky, row in enumerate(self._rows):
            lines = out[:, ky * dy : ky * dy + (height - 1) * sy + 1 : sy]
            if not self._each_alone:
                left = (pixels @ row).reshape(groups, n, height, width, taps, own)
            for kx in range(taps):
                places = lines[:, :, kx * dx : kx * dx + (width - 1) * sx + 1 : sx]
                if self._each_alone:
                    places[..., 0] += x * self._rows[ky, :, 0, kx]
                else:
                    places += left[:, :, :, :, kx].transpose(1, 2, 3, 0, 4)
        py, px = self.values["padding"]
        out_h, out_w = self.output.size
        cut = out.reshape(n, *self._whole, groups * own)[:, py : py + out_h, px : px + out_w]
        add = inputs[1] if len(inputs) == 2 else None
        return kernels.affine(cut, **self.epilogue(), add=add, threads=threads)

    def macs(self) -> tuple[int, int]:
        return self.inputs[0].size[0] * self.inputs[0].size[1] * self.weight_count, 0

    @property
    def scratch_bytes(self) -> int:
        image, taps = self.inputs[0], self.arrays["weight"].shape[2]
        height, width = self._whole
        products = image.size[0] * image.size[1] * taps + height * width
        return 4 * (image.elements + products * self.output.channels)

    def _reach(self, axis: int) -> int:
        side, kernel = self.inputs[0].size[axis], self.arrays["weight"].shape[1 + axis]
        stride, dilation, more = (self.values[name][axis] for name in ("stride", "dilation", "output_padding"))
        if more >= max(stride, dilation):
            raise LeveretFormatError(
                f"output_padding must be less than stride or dilation, got {self.values['output_padding']}"
            )
        return (side - 1) * stride + dilation * (kernel - 1) + 1 + more
