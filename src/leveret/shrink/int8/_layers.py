"""Convolutions and linear layers on bytes.

`y = weight_scale · step · (weight ⊛ q) + bias` with `q = clamp(round(x / step), low, high)` (Jacob et al., CVPR 2018,
section 2; Nagel et al., 2021, arXiv 2106.08295, section 2).

There are no zero points: 0 is 0, so that padding costs nothing, and no sum over the inputs is needed (Nagel et al.,
section 2.4.1). Weights have a step per filter, values one for all.

Forward gives what the kernels of packed nets give, to the last bit. Layers hold buffers alone: they are for running,
not for training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError

__all__ = ["Int8Conv1d", "Int8Conv2d", "Int8Layer", "Int8Linear"]


class Int8Layer(nn.Module):
    """What int8 layers share: whole weights, their steps, and those of the input.

    Args:
        weight: int8 `(out, …)`.
        weight_scale: float32 `(out,)`: what 1 stands for in each filter, a folded BatchNorm's factor included, so that
            it may be 0 or below.
        bias: float32 `(out,)`, a folded BatchNorm's shift included; None: zeros.
        step: what 1 stands for in the input; above 0.
        levels: lowest and highest whole value of the input, within 0..255, or within −128..127, with 0 between.

    Attributes:
        weight, weight_scale, bias: buffers, as given.
        step, levels: buffers too: float32 of no dimension, int16 `(2,)`.

    Raises:
        LeveretUsageError: another shape or dtype, a number that isn't finite, or levels out of range.
    """

    weight: Tensor
    weight_scale: Tensor
    bias: Tensor
    step: Tensor
    levels: Tensor
    _dims: int

    def __init__(
        self,
        weight: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
        *,
        step: float,
        levels: tuple[int, int] = (-128, 127),
    ) -> None:
        super().__init__()
        if weight.dtype != torch.int8 or weight.dim() != self._dims:
            raise LeveretUsageError(
                f"weight must be int8 of {self._dims} dimensions, got {tuple(weight.shape)} {weight.dtype}"
            )
        if bias is None:
            bias = torch.zeros(len(weight), device=weight.device)
        for name, values in (("weight_scale", weight_scale), ("bias", bias)):
            if values.shape != (len(weight),) or values.dtype != torch.float32 or not values.isfinite().all():
                raise LeveretUsageError(
                    f"{name} must be {len(weight)} finite float32 numbers, got {tuple(values.shape)} {values.dtype}"
                )
        width = torch.tensor(step, dtype=torch.float32, device=weight.device)
        if not (width > 0 and width.isfinite()):
            raise LeveretUsageError(f"step must be a number above 0, got {step}")
        self.register_buffer("weight", weight)
        self.register_buffer("weight_scale", weight_scale)
        self.register_buffer("bias", bias)
        self.register_buffer("step", width)
        from leveret.runtime._wholeconv import check_levels  # here, as it loads the kernels

        self.register_buffer("levels", torch.tensor(check_levels(levels), dtype=torch.int16, device=weight.device))

    @property
    def scale(self) -> Tensor:
        """Of each filter's whole sums: `weight_scale · step`, float32 `(out,)`."""
        return self.weight_scale * self.step

    def effective_weight(self) -> Tensor:
        """The real weights that the layer computes with, float32 of `weight`'s shape."""
        return self.weight * self.weight_scale.view(-1, *[1] * (self._dims - 1))

    def extra_repr(self) -> str:
        low, high = self.levels.tolist()
        return f"{tuple(self.weight.shape)}, step={float(self.step):.4g}, levels={low}..{high}"


class _Int8Conv(Int8Layer):
    """What convolutions of one and two dimensions share."""

    def __init__(
        self,
        weight: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
        *,
        step: float,
        levels: tuple[int, int] = (-128, 127),
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(weight, weight_scale, bias, step=step, levels=levels)
        self.stride = self._per_axis("stride", stride)
        self.padding = self._per_axis("padding", padding)
        self.dilation = self._per_axis("dilation", dilation)
        self.groups = groups
        self.padding_mode = padding_mode

    @property
    def in_channels(self) -> int:
        """Of what it takes."""
        return self.weight.shape[1] * self.groups

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """A side for each dimension."""
        return tuple(self.weight.shape[2:])

    def _per_axis(self, name: str, value: Any) -> tuple[int, ...]:
        axes = self._dims - 2
        values = (value,) * axes if isinstance(value, int) else value
        if not isinstance(values, tuple | list) or len(values) != axes or not all(isinstance(v, int) for v in values):
            raise LeveretUsageError(f"{name} must be a number, or {axes} of them, got {value!r}")
        return tuple(values)

    def forward(self, x: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            sides = [side for p in reversed(padding) for side in (p, p)]
            x, padding = F.pad(x, sides, mode=self.padding_mode), (0,) * len(padding)
        return torch.ops.leveret.int8_conv(
            x,
            self.weight,
            self.scale,
            self.bias,
            self.step,
            self.levels,
            self.stride,
            padding,
            self.dilation,
            self.groups,
        )

    def extra_repr(self) -> str:
        window = {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups", "padding_mode")}
        return ", ".join([super().extra_repr(), *(f"{name}={value}" for name, value in window.items())])


class Int8Conv2d(_Int8Conv):
    """Convolution of images in whole steps with weights of one byte.

    Args: as `Int8Layer`, with `weight` `(out, in / groups, kernel_h, kernel_w)`, and as `torch.nn.Conv2d` (padding
    given by numbers only).

    Shapes: `(batch, in, height, width)` float32 → `(batch, out, out_height, out_width)` float32.
    """

    _dims = 4


class Int8Conv1d(_Int8Conv):
    """Convolution of texts in whole steps, `(batch, in, length)`; see `Int8Conv2d`."""

    _dims = 3


class Int8Linear(Int8Layer):
    """Product of rows in whole steps with weights `(out, in)` of one byte: `(…, in)` float32 → `(…, out)`."""

    _dims = 2

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.leveret.int8_linear(x, self.weight, self.scale, self.bias, self.step, self.levels)
