"""Transposed convolution: each input pixel leaves its own small image in the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime._values import MOST_ELEMENTS, Value
from leveret.runtime.ops._base import EPILOGUE, Array, Op, PairOf, Whole, add_of, all_steps, real_values

__all__ = ["ConvTranspose2d"]

_SIDE = 4096
_MOST_ZEROS = 2  # taps that a convolution by phases may have for each of the kernel's


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
        # one filter per channel, as upsampling has it
        self._each_alone = groups == inputs and own == 1
        self._phases = self._as_phases() if groups == 1 and self.values["dilation"] == (1, 1) else None
        grouped = self.arrays["weight"].reshape(groups, inputs // groups, height, width * own)
        self._rows = None if self._phases else np.ascontiguousarray(grouped.transpose(2, 0, 1, 3))

    def _as_phases(self) -> kernels.Conv2d | None:
        """A convolution that gives, for each input pixel, its stride by stride places of the output as channels.

        Of `stride` neighbouring output places each takes other taps: those at its own distance, and then every
        stride-th. None where so many of them would be zeros that it doesn't pay.
        """
        weight, strides = self.arrays["weight"], self.values["stride"]
        inputs, *kernel, own = weight.shape
        taps = [-(-k // s) for k, s in zip(kernel, strides, strict=True)]
        if np.prod(taps) * np.prod(strides) > _MOST_ZEROS * np.prod(kernel):
            return None
        grown = np.zeros((inputs, taps[0] * strides[0], taps[1] * strides[1], own), np.float32)
        grown[:, : kernel[0], : kernel[1]] = weight
        parts = grown.reshape(inputs, taps[0], strides[0], taps[1], strides[1], own)[:, ::-1, :, ::-1]
        filters = np.ascontiguousarray(parts.transpose(2, 4, 5, 1, 3, 0)).reshape(-1, *taps, inputs)
        return kernels.Conv2d(filters, padding=(taps[0] - 1, taps[1] - 1))

    def run(self, inputs: Sequence[Array], threads: int) -> Array:
        whole = self._by_rows(inputs[0]) if self._phases is None else self._by_phases(inputs[0], threads)
        py, px = self.values["padding"]
        out_h, out_w = self.output.size
        cut = whole[:, py : py + out_h, px : px + out_w]
        add = inputs[1] if len(inputs) == 2 else None
        if add is None and not self.epilogue():
            return np.ascontiguousarray(cut)
        return kernels.affine(cut, **self.epilogue(), add=add, threads=threads)

    def native(self, engine: Any, inputs: Sequence[int]) -> int | None:
        sides = {name: self.values[name] for name in ("stride", "padding", "dilation", "groups")}
        weight = self.arrays["weight"]
        return engine.conv_transpose(
            inputs[0], add_of(inputs), weight, output=self.output.size, **sides, **all_steps(self)
        )

    def _by_phases(self, x: Array, threads: int) -> Array:
        assert self._phases is not None
        n, (sy, sx), own = len(x), self.values["stride"], self.output.channels
        parts = self._phases(x, threads=threads)
        height, width = parts.shape[1:3]
        if (sy, sx) == (1, 1) and (height, width) == self._whole:
            return parts
        # to the last pixel's last tap, and what output_padding adds
        whole = np.zeros((n, max(height * sy, self._whole[0]), max(width * sx, self._whole[1]), own), np.float32)
        places = whole[:, : height * sy, : width * sx].reshape(n, height, sy, width, sx, own)
        places[...] = parts.reshape(n, height, width, sy, sx, own).transpose(0, 1, 3, 2, 4, 5)
        return whole

    def _by_rows(self, x: Array) -> Array:
        groups = self.values["groups"]
        n, height, width, channels = x.shape
        _, _, taps, own = self.arrays["weight"].shape
        (sy, sx), (dy, dx) = self.values["stride"], self.values["dilation"]
        pixels = np.ascontiguousarray(x.reshape(-1, groups, channels // groups).transpose(1, 0, 2))
        out = np.zeros((n, *self._whole, groups, own), np.float32)
        assert self._rows is not None
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
        return out.reshape(n, *self._whole, groups * own)

    def macs(self) -> tuple[int, int]:
        return self.inputs[0].size[0] * self.inputs[0].size[1] * self.weight_count, 0

    @property
    def scratch_bytes(self) -> int:
        image, weight = self.inputs[0], self.arrays["weight"]
        height, width = self._whole
        # by rows the products of a row of the kernel, by phases all of the output and what its last taps reach beyond
        reach = [n * s + k for n, s, k in zip(image.size, self.values["stride"], weight.shape[1:3], strict=True)]
        products = max(image.size[0] * image.size[1] * weight.shape[2], reach[0] * reach[1]) + height * width
        return 4 * (image.elements + products * self.output.channels)

    def _reach(self, axis: int) -> int:
        side, kernel = self.inputs[0].size[axis], self.arrays["weight"].shape[1 + axis]
        stride, dilation, more = (self.values[name][axis] for name in ("stride", "dilation", "output_padding"))
        if more >= max(stride, dilation):
            raise LeveretFormatError(
                f"output_padding must be less than stride or dilation, got {self.values['output_padding']}"
            )
        return (side - 1) * stride + dilation * (kernel - 1) + 1 + more
